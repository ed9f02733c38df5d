locals {
  lambda_zip = coalesce(var.lambda_zip, "${path.module}/../build/acc-lambda-${var.architecture}.zip")

  # What var.options may hold: a misspelt name would be passed over with a warning in the log.
  known_options = [
    "ACC_BUFFER", "ACC_CHECKSUM", "ACC_COMPRESS", "ACC_CONTENT_TYPE", "ACC_DENY", "ACC_EMPTY_IS_MISSING", "ACC_EXCLUDE",
    "ACC_EXPLAIN", "ACC_FIELDS", "ACC_IF_EXISTS", "ACC_INCLUDE", "ACC_JOBS", "ACC_JQ_TIMEOUT", "ACC_LATEST", "ACC_LINES",
    "ACC_MANIFEST", "ACC_MAP", "ACC_MAX_RECORD", "ACC_MAX_SPOOL", "ACC_MEMORY", "ACC_METADATA", "ACC_MISSING", "ACC_MODE",
    "ACC_NAME", "ACC_OVERSIZE", "ACC_QUIET", "ACC_RECORD_DATA", "ACC_RECORD_KEY", "ACC_RECORD_PARTNER", "ACC_RECORD_TIME",
    "ACC_REJECTS", "ACC_RULES", "ACC_SELECT", "ACC_SHARDS", "ACC_SHARD_BY", "ACC_SIMD", "ACC_SINCE", "ACC_SSE", "ACC_STORAGE_CLASS",
    "ACC_TAG", "ACC_UNLISTED", "ACC_UNTIL", "ACC_UPDATES", "ACC_VERBOSE",
  ]
}

resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/${local.function_name}"
  retention_in_days = var.log_retention_days
}

resource "aws_lambda_function" "consolidate" {
  function_name    = local.function_name
  description      = "Consolidates the partners' accommodation records that arrive in the source bucket."
  role             = aws_iam_role.function.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  filename         = local.lambda_zip
  source_code_hash = filebase64sha256(local.lambda_zip)
  timeout          = var.function_timeout_seconds
  memory_size      = var.function_memory_mb

  ephemeral_storage {
    size = var.ephemeral_storage_mb
  }

  environment {
    variables = merge(var.options, {
      ACC_DEST       = "s3://${aws_s3_bucket.bucket["destination"].id}/"
      ACC_PRIORITY   = "dynamodb://${aws_dynamodb_table.lists.name}"
      ACC_KEY        = var.destination_key
      ACC_BYTES      = var.output_size
      ACC_LOG_FORMAT = var.log_format
    })
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.function.name
  }

  tracing_config {
    mode = var.tracing_mode
  }

  # Without its rights the first batches would fail.
  depends_on = [aws_iam_role_policy.function]
}

resource "aws_lambda_event_source_mapping" "queue" {
  event_source_arn                   = aws_sqs_queue.queue.arn
  function_name                      = aws_lambda_function.consolidate.arn
  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = var.batch_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.maximum_concurrency
  }

  # Messages that fail before the redrive policy exists would be tried for ever, and an empty priority list fails all.
  depends_on = [aws_sqs_queue_redrive_policy.queue, aws_dynamodb_table_item.priority_list]
}
