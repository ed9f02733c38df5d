environment         = "prod"
replica_region      = "eu-central-1"
deletion_protection = true
maximum_concurrency = 20
log_retention_days  = 90

# Twenty batches at a time, of a second each, would take 40 units.
table_billing_mode = "PAY_PER_REQUEST"
