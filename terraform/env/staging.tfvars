environment             = "staging"
maximum_concurrency     = 5
log_retention_days      = 14
noncurrent_version_days = 30
source_expiration_days  = 90
