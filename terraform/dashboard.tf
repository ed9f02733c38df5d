resource "aws_cloudwatch_dashboard" "consolidation" {
  dashboard_name = local.name

  dashboard_body = templatefile("${path.module}/dashboard.json.tftpl", {
    region      = var.region
    namespace   = local.metric_namespace
    function    = aws_lambda_function.consolidate.function_name
    queue       = aws_sqs_queue.queue.name
    dead_letter = aws_sqs_queue.dead_letter.name
    table       = aws_dynamodb_table.lists.name
    log_group   = aws_cloudwatch_log_group.function.name
    timeout_ms  = var.function_timeout_seconds * 1000
    alarms = jsonencode(concat([
      aws_cloudwatch_metric_alarm.errors.arn,
      aws_cloudwatch_metric_alarm.throttles.arn,
      aws_cloudwatch_metric_alarm.duration.arn,
      aws_cloudwatch_metric_alarm.message_age.arn,
      aws_cloudwatch_metric_alarm.dead_letters.arn,
      aws_cloudwatch_metric_alarm.no_output.arn,
      aws_cloudwatch_metric_alarm.silence.arn,
      aws_cloudwatch_metric_alarm.refused_records.arn,
    ], aws_cloudwatch_metric_alarm.replication[*].arn))
  })
}

resource "aws_cloudwatch_query_definition" "refused" {
  name            = "${local.name}/refused"
  log_group_names = [aws_cloudwatch_log_group.function.name]
  query_string    = <<-EOT
    fields @timestamp, tool, code, uri, record, message
    | filter ispresent(code) or level = "error"
    | sort @timestamp desc
    | limit 1000
  EOT
}

resource "aws_cloudwatch_query_definition" "batches" {
  name            = "${local.name}/batches"
  log_group_names = [aws_cloudwatch_log_group.function.name]
  query_string    = <<-EOT
    filter ispresent(ObjectsReceived)
    | fields @timestamp, ObjectsReceived, ObjectsFailed, RecordsRead, RecordsRefused, RecordsWritten, FilesStored, DurationMs
    | sort @timestamp desc
    | limit 1000
  EOT
}
