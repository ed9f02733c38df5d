resource "aws_sns_topic" "alarms" {
  name = "${local.name}-alarms"
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "AlarmsOfThisAccount"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${data.aws_partition.current.partition}:cloudwatch:${var.region}:${local.account_id}:alarm:${local.name}-*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

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

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.alarm_emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${local.name}-errors"
  alarm_description   = "The function itself failed or ran out of time: its batches go back to the queue. See the log ${aws_cloudwatch_log_group.function.name}."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.consolidate.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "throttles" {
  alarm_name          = "${local.name}-throttles"
  alarm_description   = "Invocations were throttled: each costs its messages one of ${var.max_receive_count} tries. Raise the account's concurrency or lower maximum_concurrency."
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = aws_lambda_function.consolidate.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "duration" {
  alarm_name          = "${local.name}-duration"
  alarm_description   = "A batch took more than 90 % of the function's time-out (${var.function_timeout_seconds} s): lower batch_size or raise function_memory_mb."
  namespace           = "AWS/Lambda"
  metric_name         = "Duration"
  dimensions          = { FunctionName = aws_lambda_function.consolidate.function_name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.function_timeout_seconds * 900
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "message_age" {
  alarm_name          = "${local.name}-message-age"
  alarm_description   = "The oldest message waits longer than ${var.alarm_message_age_seconds} s: more arrive than are processed. What fails again and again does not count, as SQS leaves out what was received three times."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.queue.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarm_message_age_seconds
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name          = "${local.name}-dead-letters"
  alarm_description   = "Objects failed ${var.max_receive_count} times and are set aside in ${aws_sqs_queue.dead_letter.name}: repair, then drain or redrive that queue."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letter.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# Both sides are of the same line of a batch, so that none falls between two periods.
resource "aws_cloudwatch_metric_alarm" "no_output" {
  alarm_name          = "${local.name}-no-output"
  alarm_description   = "Objects came, but not one file was stored: wrong lists or rules, a new form of the input, nothing but refused records, or a destination that takes nothing. See the log ${aws_cloudwatch_log_group.function.name}."
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id          = "objects_without_output"
    label       = "Objects received without any output"
    expression  = "IF(received > 0 AND FILL(stored, 0) == 0, received, 0)"
    return_data = true
  }

  metric_query {
    id = "received"

    metric {
      namespace   = local.metric_namespace
      metric_name = "ObjectsReceived"
      dimensions  = { Function = aws_lambda_function.consolidate.function_name }
      stat        = "Sum"
      period      = 900
    }
  }

  metric_query {
    id = "stored"

    metric {
      namespace   = local.metric_namespace
      metric_name = "FilesStored"
      dimensions  = { Function = aws_lambda_function.consolidate.function_name }
      stat        = "Sum"
      period      = 900
    }
  }
}

# The alarm above relies on what the function tells of itself; this one does not.
resource "aws_cloudwatch_metric_alarm" "silence" {
  alarm_name          = "${local.name}-silence"
  alarm_description   = "Messages came for two hours, but the function told of no object at all."
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id          = "messages_without_trace"
    label       = "Messages received while the function was silent"
    expression  = "IF(sent > 0 AND FILL(received, 0) == 0, sent, 0)"
    return_data = true
  }

  metric_query {
    id = "sent"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "NumberOfMessagesSent"
      dimensions  = { QueueName = aws_sqs_queue.queue.name }
      stat        = "Sum"
      period      = 3600
    }
  }

  metric_query {
    id = "received"

    metric {
      namespace   = local.metric_namespace
      metric_name = "ObjectsReceived"
      dimensions  = { Function = aws_lambda_function.consolidate.function_name }
      stat        = "Sum"
      period      = 3600
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "refused_records" {
  alarm_name          = "${local.name}-refused-records"
  alarm_description   = "More than ${var.alarm_refused_records} records were refused within five minutes; the saved query ${local.name}/refused names them."
  namespace           = local.metric_namespace
  metric_name         = "RecordsRefused"
  dimensions          = { Function = aws_lambda_function.consolidate.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarm_refused_records
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "replication" {
  count = var.replica_region == null ? 0 : 1

  alarm_name          = "${local.name}-replication"
  alarm_description   = "Objects of the source bucket could not be replicated to ${var.replica_region}."
  namespace           = "AWS/S3"
  metric_name         = "OperationsFailedReplication"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  dimensions = {
    SourceBucket      = aws_s3_bucket.bucket["source"].id
    DestinationBucket = aws_s3_bucket.bucket["replica"].id
    RuleId            = local.replication_rule
  }
}
