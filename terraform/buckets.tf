locals {
  all_buckets = {
    source = {
      name            = coalesce(var.source_bucket, "${local.name}-source-${local.account_id}")
      region          = var.region
      expiration_days = var.source_expiration_days
    }
    destination = {
      name            = coalesce(var.destination_bucket, "${local.name}-destination-${local.account_id}")
      region          = var.region
      expiration_days = var.destination_expiration_days
    }
    # A lifecycle rule's removals are not replicated: the replica needs the same rule.
    replica = {
      name            = "${local.name}-replica-${local.account_id}"
      region          = var.replica_region
      expiration_days = var.source_expiration_days
    }
  }

  buckets = { for role, bucket in local.all_buckets : role => bucket if bucket.region != null }

  replication_rule = "everything"
}

resource "aws_s3_bucket" "bucket" {
  for_each = local.buckets

  bucket        = each.value.name
  region        = each.value.region
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "bucket" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.bucket[each.key].id
  region                  = each.value.region
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "bucket" {
  for_each = local.buckets

  bucket = aws_s3_bucket.bucket[each.key].id
  region = each.value.region

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "bucket" {
  for_each = local.buckets

  bucket = aws_s3_bucket.bucket[each.key].id
  region = each.value.region

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "bucket" {
  for_each = local.buckets

  bucket = aws_s3_bucket.bucket[each.key].id
  region = each.value.region

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "bucket" {
  for_each = local.buckets

  bucket = aws_s3_bucket.bucket[each.key].id
  region = each.value.region

  rule {
    id     = "remove-unfinished-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  rule {
    id     = "remove-old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_version_days
    }
  }

  # Not where objects are gone by then: moving them would only cost, and S3 may refuse such rules together.
  dynamic "rule" {
    for_each = [for days in [var.infrequent_access_days] : days if days != null && !try(each.value.expiration_days <= days, false)]

    content {
      id     = "move-to-infrequent-access"
      status = "Enabled"

      filter {}

      transition {
        days          = rule.value
        storage_class = "STANDARD_IA"
      }
    }
  }

  dynamic "rule" {
    for_each = each.value.expiration_days == null ? [] : [each.value.expiration_days]

    content {
      id     = "expire"
      status = "Enabled"

      filter {}

      expiration {
        days = rule.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.bucket]
}

data "aws_iam_policy_document" "bucket" {
  for_each = local.buckets

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.bucket[each.key].arn, "${aws_s3_bucket.bucket[each.key].arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "bucket" {
  for_each = local.buckets

  bucket = aws_s3_bucket.bucket[each.key].id
  region = each.value.region
  policy = data.aws_iam_policy_document.bucket[each.key].json

  # Both change the bucket's policy settings: S3 refuses them at the same time.
  depends_on = [aws_s3_bucket_public_access_block.bucket]
}

# A bucket has one notification configuration: a second resource like this would replace it.
resource "aws_s3_bucket_notification" "source" {
  bucket = aws_s3_bucket.bucket["source"].id

  queue {
    id            = "object-created"
    queue_arn     = aws_sqs_queue.queue.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = var.notification_prefix == "" ? null : var.notification_prefix
    filter_suffix = var.notification_suffix == "" ? null : var.notification_suffix
  }

  # S3 sends a test message at once, which the policy has to admit.
  depends_on = [aws_sqs_queue_policy.queue]
}

resource "aws_s3_bucket_replication_configuration" "source" {
  count = var.replica_region == null ? 0 : 1

  bucket = aws_s3_bucket.bucket["source"].id
  role   = aws_iam_role.replication[0].arn

  rule {
    id       = local.replication_rule
    status   = "Enabled"
    priority = 0

    filter {}

    delete_marker_replication {
      status = "Enabled"
    }

    destination {
      bucket        = aws_s3_bucket.bucket["replica"].arn
      storage_class = "STANDARD_IA"

      metrics {
        status = "Enabled"
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.bucket, aws_iam_role_policy.replication]
}
