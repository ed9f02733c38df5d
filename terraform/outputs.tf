output "source_bucket" {
  description = "Bucket to which the partners upload."
  value       = aws_s3_bucket.bucket["source"].id
}

output "destination_bucket" {
  description = "Bucket with the consolidated records."
  value       = aws_s3_bucket.bucket["destination"].id
}

output "replica_bucket" {
  description = "Bucket to which the source bucket is replicated, or null."
  value       = one([for role, bucket in aws_s3_bucket.bucket : bucket.id if role == "replica"])
}

output "queue_url" {
  description = "Queue of the notifications, for acc-sqs-drain."
  value       = aws_sqs_queue.queue.url
}

output "dead_letter_queue_url" {
  description = "Queue of the notifications that failed too often, for acc-sqs-drain."
  value       = aws_sqs_queue.dead_letter.url
}

output "dead_letter_queue_arn" {
  description = "The same queue, for aws sqs start-message-move-task."
  value       = aws_sqs_queue.dead_letter.arn
}

output "priority" {
  description = "The lists, as acc-consolidate --priority takes them."
  value       = "dynamodb://${aws_dynamodb_table.lists.name}"
}

output "table" {
  description = "Table of the priority and the black list."
  value       = aws_dynamodb_table.lists.name
}

output "function" {
  description = "Name of the consolidating function."
  value       = aws_lambda_function.consolidate.function_name
}

output "function_role_name" {
  description = "Role of the function, to attach a policy for what it may do besides."
  value       = aws_iam_role.function.name
}

output "function_role_arn" {
  description = "The same role, for the policies of keys and of other accounts' buckets."
  value       = aws_iam_role.function.arn
}

output "log_group" {
  description = "Log of the function."
  value       = aws_cloudwatch_log_group.function.name
}

output "alarm_topic_arn" {
  description = "Topic to which alarms are published."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard" {
  description = "Name of the dashboard in CloudWatch."
  value       = aws_cloudwatch_dashboard.consolidation.dashboard_name
}
