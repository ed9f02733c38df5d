data "aws_iam_policy_document" "assume_lambda" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  name               = "${local.name}-function"
  description        = "What the consolidating function may do."
  assume_role_policy = data.aws_iam_policy_document.assume_lambda.json
}

data "aws_iam_policy_document" "function" {
  statement {
    sid       = "TakeMessages"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.queue.arn]
  }

  statement {
    sid       = "ReadNotifiedObjects"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${aws_s3_bucket.bucket["source"].arn}/${var.notification_prefix}*"]
  }

  # Without this a missing object looks like a forbidden one.
  statement {
    sid     = "TellMissingFromForbidden"
    actions = ["s3:ListBucket"]
    resources = [
      aws_s3_bucket.bucket["source"].arn,
      aws_s3_bucket.bucket["destination"].arn,
    ]
  }

  # Reading serves to recognise an object as an earlier attempt's.
  statement {
    sid       = "StoreOutput"
    actions   = ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.bucket["destination"].arn}/*"]
  }

  # Storing an object with tags takes this right besides.
  dynamic "statement" {
    for_each = contains(keys(var.options), "ACC_TAG") ? ["TagOutput"] : []

    content {
      sid       = statement.value
      actions   = ["s3:PutObjectTagging"]
      resources = ["${aws_s3_bucket.bucket["destination"].arn}/*"]
    }
  }

  # S3 asks for the key in the function's name: to read what is encrypted by it, and to store with it.
  dynamic "statement" {
    for_each = length(var.kms_key_arns) > 0 ? ["UseKeys"] : []

    content {
      sid       = statement.value
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = var.kms_key_arns
    }
  }

  statement {
    sid       = "ReadLists"
    actions   = ["dynamodb:BatchGetItem"]
    resources = [aws_dynamodb_table.lists.arn]
  }

  statement {
    sid       = "WriteLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function.arn}:*"]
  }

  # X-Ray knows no resources for these.
  statement {
    sid       = "WriteTraces"
    actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "function" {
  name   = "consolidate"
  role   = aws_iam_role.function.id
  policy = data.aws_iam_policy_document.function.json
}

data "aws_iam_policy_document" "assume_s3" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "replication" {
  count = var.replica_region == null ? 0 : 1

  name               = "${local.name}-replication"
  description        = "What S3 may do to replicate the source bucket."
  assume_role_policy = data.aws_iam_policy_document.assume_s3.json
}

data "aws_iam_policy_document" "replication" {
  count = var.replica_region == null ? 0 : 1

  statement {
    sid       = "ReadConfiguration"
    actions   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
    resources = [aws_s3_bucket.bucket["source"].arn]
  }

  statement {
    sid       = "ReadVersions"
    actions   = ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"]
    resources = ["${aws_s3_bucket.bucket["source"].arn}/*"]
  }

  statement {
    sid       = "WriteReplicas"
    actions   = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"]
    resources = ["${aws_s3_bucket.bucket["replica"].arn}/*"]
  }
}

resource "aws_iam_role_policy" "replication" {
  count = var.replica_region == null ? 0 : 1

  name   = "replicate"
  role   = aws_iam_role.replication[0].id
  policy = data.aws_iam_policy_document.replication[0].json
}
