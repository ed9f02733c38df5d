environment         = "dev"
force_destroy       = true
maximum_concurrency = 2
log_retention_days  = 7
table_billing_mode  = "PAY_PER_REQUEST"

# What is tried out here need not be kept for long.
noncurrent_version_days     = 7
source_expiration_days      = 30
destination_expiration_days = 30
infrequent_access_days      = null
