data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  name       = "${var.name}-${var.environment}"
  account_id = data.aws_caller_identity.current.account_id

  # Fixed here and not read from the function, so that log group, role and alarms can exist before it.
  function_name = local.name

  # Where the function writes its embedded metrics, one line per batch.
  metric_namespace = "AccommodationConsolidator"
}
