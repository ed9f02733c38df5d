resource "aws_dynamodb_table" "lists" {
  name                        = "${local.name}-lists"
  hash_key                    = "ContentType"
  billing_mode                = var.table_billing_mode
  read_capacity               = var.table_billing_mode == "PROVISIONED" ? var.table_read_capacity : null
  write_capacity              = var.table_billing_mode == "PROVISIONED" ? var.table_write_capacity : null
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "ContentType"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }
}

# The variables are the lists' first content only: from then on the table is the place to change them,
# and applying again leaves them alone. So both items are always there, empty or not: one that depended
# on its variable would be destroyed, with what was put into it since, when the variable is emptied.
resource "aws_dynamodb_table_item" "priority_list" {
  table_name = aws_dynamodb_table.lists.name
  hash_key   = aws_dynamodb_table.lists.hash_key

  item = jsonencode({
    ContentType  = { S = "PriorityList" }
    partner_list = { L = [for partner in var.priority_list : { S = partner }] }
  })

  lifecycle {
    ignore_changes = [item]
  }
}

resource "aws_dynamodb_table_item" "black_list" {
  table_name = aws_dynamodb_table.lists.name
  hash_key   = aws_dynamodb_table.lists.hash_key

  item = jsonencode({
    ContentType  = { S = "BlackList" }
    partner_list = { L = [for partner in var.black_list : { S = partner }] }
  })

  lifecycle {
    ignore_changes = [item]
  }
}

# It had a count once.
moved {
  from = aws_dynamodb_table_item.black_list[0]
  to   = aws_dynamodb_table_item.black_list
}
