# What and where

variable "name" {
  description = "Name of the system: every resource's name begins with it."
  type        = string
  default     = "accommodation-consolidator"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "The name must have 3 to 30 lower case letters, digits and hyphens, and begin with a letter."
  }
}

variable "environment" {
  description = "Environment: dev, staging or prod."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "The environment must be dev, staging or prod."
  }
}

variable "region" {
  description = "AWS region of everything but the optional replica of the source bucket."
  type        = string
  default     = "eu-west-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region must look like eu-west-1."
  }
}

variable "tags" {
  description = "Tags of every resource, besides Application, Environment and ManagedBy."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:")])
    error_message = "Tag keys that begin with aws: are reserved."
  }
}

# Buckets

variable "source_bucket" {
  description = "Name of the bucket to which the partners upload; null derives it from name, environment and account."
  type        = string
  default     = null

  validation {
    condition     = var.source_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.source_bucket))
    error_message = "The source bucket must be a valid bucket name, or null."
  }
}

variable "destination_bucket" {
  description = "Name of the bucket for the consolidated records; null derives it from name, environment and account."
  type        = string
  default     = null

  validation {
    condition     = var.destination_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.destination_bucket))
    error_message = "The destination bucket must be a valid bucket name, or null."
  }

  validation {
    condition     = var.destination_bucket == null || var.destination_bucket != var.source_bucket
    error_message = "The destination must be another bucket than the source: the output would come back as input."
  }
}

variable "replica_region" {
  description = "Second region to which the source bucket is replicated; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.replica_region == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.replica_region))
    error_message = "The replica's region must look like eu-central-1, or be null."
  }

  validation {
    condition     = var.replica_region == null || var.replica_region != var.region
    error_message = "The replica must be in another region than the source bucket."
  }
}

variable "force_destroy" {
  description = "Whether destroying deletes buckets that still hold objects, with all their versions."
  type        = bool
  default     = false
}

variable "notification_prefix" {
  description = "Only objects whose key begins with this are consolidated; empty for all."
  type        = string
  default     = ""

  validation {
    condition     = length(var.notification_prefix) <= 1024 && can(regex("^([^/*?][^*?]*)?$", var.notification_prefix))
    error_message = "The prefix must be shorter than a key (1024 bytes), not begin with a slash, and hold no * or ?, which are wildcards in the function's rights."
  }
}

variable "notification_suffix" {
  description = "Only objects whose key ends with this are consolidated, for example .jsonl; empty for all."
  type        = string
  default     = ""

  validation {
    condition     = length(var.notification_suffix) <= 1024
    error_message = "The suffix must be shorter than a key (1024 bytes)."
  }
}

variable "infrequent_access_days" {
  description = "Days after which objects that are still there move to the infrequent access class (30 at least); null: never."
  type        = number
  default     = 30

  validation {
    condition     = var.infrequent_access_days == null || try(var.infrequent_access_days >= 30, false)
    error_message = "S3 moves objects to infrequent access after 30 days at the earliest."
  }
}

variable "source_expiration_days" {
  description = "Days after which the partners' objects are removed; null keeps them, so that any day can be processed again."
  type        = number
  default     = null

  validation {
    condition     = var.source_expiration_days == null || try(var.source_expiration_days >= 1, false)
    error_message = "Objects expire after one day at the earliest."
  }
}

variable "destination_expiration_days" {
  description = "Days after which consolidated objects are removed; null keeps them."
  type        = number
  default     = null

  validation {
    condition     = var.destination_expiration_days == null || try(var.destination_expiration_days >= 1, false)
    error_message = "Objects expire after one day at the earliest."
  }
}

variable "noncurrent_version_days" {
  description = "Days for which overwritten and deleted versions are kept."
  type        = number
  default     = 90

  validation {
    condition     = var.noncurrent_version_days >= 1
    error_message = "Versions are kept for one day at least."
  }
}

# Queue

variable "receive_wait_seconds" {
  description = "Long polling: how long a receive waits for a message."
  type        = number
  default     = 20

  validation {
    condition     = var.receive_wait_seconds >= 1 && var.receive_wait_seconds <= 20
    error_message = "Long polling waits 1 to 20 seconds."
  }
}

variable "visibility_timeout_seconds" {
  description = "How long a received message stays hidden: at least window and time-out of the function; AWS advises six time-outs."
  type        = number
  default     = 450

  validation {
    condition     = var.visibility_timeout_seconds >= var.function_timeout_seconds + var.batch_window_seconds && var.visibility_timeout_seconds <= 43200
    error_message = "The visibility timeout must be between the function's time-out and window together, through which messages are held, and 43200 seconds."
  }
}

variable "max_receive_count" {
  description = "How often a message is tried before it goes to the dead-letter queue."
  type        = number
  default     = 10

  validation {
    condition     = var.max_receive_count >= 5 && var.max_receive_count <= 1000
    error_message = "At least 5, as throttled invocations count as receives, and at most 1000."
  }
}

variable "queue_retention_days" {
  description = "Days for which the queue keeps a message that nobody takes."
  type        = number
  default     = 7

  validation {
    condition     = var.queue_retention_days >= 1 && var.queue_retention_days < 14
    error_message = "The queue keeps messages 1 to 13 days: less than the dead-letter queue, whose 14 days count from the first arrival."
  }
}

# Priority and black list

variable "table_billing_mode" {
  description = "PROVISIONED (read_capacity and write_capacity) or PAY_PER_REQUEST (on demand)."
  type        = string
  default     = "PROVISIONED"

  validation {
    condition     = contains(["PROVISIONED", "PAY_PER_REQUEST"], var.table_billing_mode)
    error_message = "The billing mode must be PROVISIONED or PAY_PER_REQUEST."
  }
}

# What is missing makes batches wait, and fail once all their tries were throttled.
variable "table_read_capacity" {
  description = "Read capacity, if provisioned. A batch begins with two units: batches of t seconds take 2 * maximum_concurrency / t."
  type        = number
  default     = 5

  validation {
    condition     = var.table_read_capacity >= 2
    error_message = "Both lists are read consistently in one request, which takes two units."
  }
}

variable "table_write_capacity" {
  description = "Write capacity units of the table, if provisioned."
  type        = number
  default     = 2

  validation {
    condition     = var.table_write_capacity >= 1
    error_message = "At least one write capacity unit."
  }
}

variable "priority_list" {
  description = "First content of the item PriorityList: the partners, most trusted first. Later changes are made in the table."
  type        = list(string)
  default = [
    "Partner_A", "Partner_T", "Partner_D", "Partner_Q", "Partner_B",
    "Partner_C", "Partner_X", "Partner_E", "Partner_U", "Partner_P",
  ]

  validation {
    condition     = length(var.priority_list) > 0
    error_message = "The priority list must not be empty: every batch would be refused."
  }

  validation {
    condition     = length(distinct(var.priority_list)) == length(var.priority_list) && !contains(var.priority_list, "")
    error_message = "A partner stands once in the priority list, and has a name."
  }
}

variable "black_list" {
  description = "First content of the item BlackList: the partners whose records are left out. Later changes are made in the table."
  type        = list(string)
  default     = []

  validation {
    condition     = length(distinct(var.black_list)) == length(var.black_list) && !contains(var.black_list, "")
    error_message = "A partner stands once in the black list, and has a name."
  }

  validation {
    condition     = length(setintersection(var.black_list, var.priority_list)) == 0
    error_message = "No partner stands in both the priority and the black list."
  }
}

variable "deletion_protection" {
  description = "Whether the table is protected from deletion (destroying then takes two steps)."
  type        = bool
  default     = false
}

# Function

variable "architecture" {
  description = "Processor of the function: x86_64 or arm64."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "The architecture must be x86_64 or arm64."
  }
}

variable "lambda_zip" {
  description = "The function's archive, by its absolute path; null takes what make lambda builds for the architecture."
  type        = string
  default     = null

  validation {
    condition     = var.lambda_zip == null || can(regex("\\.zip$", var.lambda_zip))
    error_message = "The archive must be a .zip file, or null."
  }

  # A relative path counts from here, not from where terraform -chdir was called.
  validation {
    condition     = var.lambda_zip == null || try(fileexists(var.lambda_zip), false)
    error_message = "The archive is not there; give its absolute path."
  }
}

variable "function_timeout_seconds" {
  description = "Time-out of one invocation; the batch ends early enough before it to report what failed."
  type        = number
  default     = 90

  validation {
    condition     = var.function_timeout_seconds >= 10 && var.function_timeout_seconds <= 900
    error_message = "The time-out must be between 10 and 900 seconds."
  }
}

variable "function_memory_mb" {
  description = "Memory of the function in MB; the processor's share grows with it (1769 is one whole)."
  type        = number
  default     = 1024

  validation {
    condition     = var.function_memory_mb >= 256 && var.function_memory_mb <= 10240
    error_message = "The memory must be between 256 and 10240 MB."
  }
}

variable "ephemeral_storage_mb" {
  description = "Size of the function's /tmp in MB, which holds a batch's output until it is stored."
  type        = number
  default     = 512

  validation {
    condition     = var.ephemeral_storage_mb >= 512 && var.ephemeral_storage_mb <= 10240
    error_message = "The size of /tmp must be between 512 and 10240 MB."
  }
}

variable "batch_size" {
  description = "Messages per invocation, at most."
  type        = number
  default     = 10

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10000
    error_message = "The batch size must be between 1 and 10000."
  }
}

variable "batch_window_seconds" {
  description = "How long messages are gathered into a batch before the function is invoked."
  type        = number
  default     = 120

  validation {
    condition     = var.batch_window_seconds >= 0 && var.batch_window_seconds <= 300
    error_message = "The window must be between 0 and 300 seconds."
  }

  validation {
    condition     = var.batch_size <= 10 || var.batch_window_seconds >= 1
    error_message = "A batch size above 10 needs a window of one second at least."
  }
}

variable "maximum_concurrency" {
  description = "How many invocations the queue starts at a time, at most."
  type        = number
  default     = 10

  validation {
    condition     = var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000
    error_message = "The maximum concurrency must be between 2 and 1000."
  }
}

variable "destination_key" {
  description = "Template of the destination's keys (acc-put --key), in UTC."
  type        = string
  default     = "year=%Y/month=%m/day=%d/{name}"

  validation {
    condition     = strcontains(var.destination_key, "{name}") && !startswith(var.destination_key, "/") && !can(regex("(^|/)[.][.](/|$)", var.destination_key))
    error_message = "The key must hold {name}, not begin with a slash, and have no part that is \"..\"."
  }

  validation {
    condition     = !strcontains(var.destination_key, "{shard}") || contains(keys(var.options), "ACC_SHARDS")
    error_message = "The key may hold {shard} where the options hold ACC_SHARDS."
  }
}

variable "output_size" {
  description = "Size that no output file exceeds (acc-split -b): a number with K, M, G (1024) or KB, MB, GB (1000)."
  type        = string
  default     = "500KB"

  validation {
    condition     = can(regex("^[1-9][0-9]*([KMG]B?)?$", var.output_size))
    error_message = "The size must be a number, with K, M, G, KB, MB or GB behind it if need be."
  }
}

variable "options" {
  description = "Further options of acc-consolidate as its environment variables, see acc(7): for example ACC_MODE or ACC_RULES."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.options), local.known_options)) == 0
    error_message = "Options that have a variable of their own here, make no sense in a function or are none of acc(7): ${join(", ", setsubtract(keys(var.options), local.known_options))}."
  }

  validation {
    condition     = lookup(var.options, "ACC_REJECTS", "/dev/null") == "/dev/null"
    error_message = "ACC_REJECTS can only be /dev/null: any other file is gone with the next batch."
  }

  validation {
    condition     = contains(["AES256", "aws:kms", "aws:kms:dsse"], lookup(var.options, "ACC_SSE", "AES256")) || length(var.kms_key_arns) > 0
    error_message = "ACC_SSE is AES256, aws:kms, aws:kms:dsse, or names a key, whose ARN then has to stand in kms_key_arns."
  }
}

# The keys' own policies have to allow it as well. S3 does not replicate objects that are encrypted by them.
variable "kms_key_arns" {
  description = "ARNs of KMS keys that the function may use: those of partners' objects, and the one that ACC_SSE names."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.kms_key_arns : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", arn))])
    error_message = "Every entry must be the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID), not of an alias."
  }
}

variable "tracing_mode" {
  description = "X-Ray tracing of the function: Active or PassThrough."
  type        = string
  default     = "Active"

  validation {
    condition     = contains(["Active", "PassThrough"], var.tracing_mode)
    error_message = "The tracing mode must be Active or PassThrough."
  }
}

# Watching

variable "log_format" {
  description = "Form of the function's messages: json (one object per line, for queries) or text."
  type        = string
  default     = "json"

  validation {
    condition     = contains(["json", "text"], var.log_format)
    error_message = "The log format must be json or text."
  }
}

variable "log_retention_days" {
  description = "Days for which the function's log is kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps logs 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "alarm_emails" {
  description = "Addresses to which alarms are sent; each has to confirm its subscription once."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@[:space:]]+@[^@[:space:]]+$", address))])
    error_message = "Every entry must be an e-mail address."
  }
}

variable "alarm_message_age_seconds" {
  description = "Age of the oldest message at which an alarm is raised: longer than window and some retries take."
  type        = number
  default     = 1800

  validation {
    condition     = var.alarm_message_age_seconds > var.batch_window_seconds + var.function_timeout_seconds
    error_message = "The age must exceed the window and the function's time-out together, or healthy batches raise the alarm."
  }
}

variable "alarm_refused_records" {
  description = "Refused records within five minutes above which an alarm is raised."
  type        = number
  default     = 0

  validation {
    condition     = var.alarm_refused_records >= 0
    error_message = "The number of refused records cannot be negative."
  }
}
