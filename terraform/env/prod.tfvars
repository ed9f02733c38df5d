environment         = "prod"
replica_region      = "eu-central-1"
deletion_protection = true
maximum_concurrency = 20
log_retention_days  = 90
