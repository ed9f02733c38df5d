// What the deployment promises, read off the plan of an environment.

import { createRequire } from 'node:module';
import { checkPolicy } from './policies.mjs';

const require = createRequire(import.meta.url);
const Ajv = require('ajv');
const METRICS = require('./metrics.json');
const dashboardIsValid = new Ajv({ allErrors: true, allowUnionTypes: true, strictTuples: false }).compile(require('./dashboard.schema.json'));

const FUNCTION_MAY = [
	'dynamodb:BatchGetItem', 'logs:CreateLogStream', 'logs:PutLogEvents',
	's3:AbortMultipartUpload', 's3:GetObject', 's3:GetObjectVersion', 's3:ListBucket', 's3:PutObject',
	'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage',
	'xray:PutTelemetryRecords', 'xray:PutTraceSegments',
];

const SHOWN = [
	'NumberOfMessagesSent', 'ObjectsReceived', 'ObjectsProcessed', 'ObjectsFailed', 'RecordsRead', 'RecordsWritten',
	'RecordsRefused', 'BytesIn', 'BytesOut', 'DurationMs', 'FetchMs', 'MergeMs', 'SplitMs', 'PutMs',
];

const WATCHED = [
	'Errors', 'Throttles', 'ApproximateAgeOfOldestMessage', 'ApproximateNumberOfMessagesVisible', 'RecordsRefused',
];

export class Deployment {
	constructor(plan) {
		this.plan = plan;
		this.findings = [];
	}

	get(type, name) {
		return this.plan.resource('resource', type, name);
	}

	expect(what, is, wanted) {
		if (JSON.stringify(is) !== JSON.stringify(wanted))
			this.findings.push(`${what} is ${JSON.stringify(is)}, not ${JSON.stringify(wanted)}`);
	}

	async check() {
		for (const part of ['buckets', 'notifications', 'queues', 'table', 'function', 'policies', 'alarms',
			'dashboard', 'names', 'outputs'])
			try {
				await this[part]();
			} catch (error) {
				this.findings.push(`${part}: ${error.message}`);
			}
		return this.findings;
	}

	async buckets() {
		const buckets = await this.get('aws_s3_bucket', 'bucket');
		const replica = await this.plan.variable('replica_region');
		this.expect('the buckets', Object.keys(buckets).sort(),
			replica ? ['destination', 'replica', 'source'] : ['destination', 'source']);
		const aside = async (type) => {
			const made = await this.get(type, 'bucket');
			this.expect(`buckets with ${type}`, Object.keys(made), Object.keys(buckets));
			return Object.entries(made);
		};
		for (const [role, b] of await aside('aws_s3_bucket_public_access_block'))
			this.expect(`public access to ${role}`, [b.block_public_acls, b.block_public_policy, b.ignore_public_acls,
				b.restrict_public_buckets], [true, true, true, true]);
		for (const [role, b] of await aside('aws_s3_bucket_server_side_encryption_configuration'))
			this.expect(`encryption of ${role}`,
				b.rule[0].apply_server_side_encryption_by_default[0].sse_algorithm, 'AES256');
		for (const [role, b] of await aside('aws_s3_bucket_versioning'))
			this.expect(`versioning of ${role}`, b.versioning_configuration[0].status, 'Enabled');
		for (const [role, b] of await aside('aws_s3_bucket_ownership_controls'))
			this.expect(`ownership of ${role}`, b.rule[0].object_ownership, 'BucketOwnerEnforced');
		for (const [role, b] of await aside('aws_s3_bucket_policy'))
			this.tlsOnly(role, b.policy, buckets[role].arn, 's3:*');
		for (const [role, b] of await aside('aws_s3_bucket_lifecycle_configuration'))
			await this.lifecycle(role, b.rule);
		for (const [role, b] of Object.entries(buckets))
			this.expect(`region of ${role}`, b.region, role === 'replica' ? replica : await this.plan.variable('region'));
		const [copy] = await this.get('aws_s3_bucket_replication_configuration', 'source');
		this.expect('replication to', copy?.rule[0].destination[0].bucket, replica ? buckets.replica.arn : undefined);
	}

	tlsOnly(what, policy, arn, action) {
		const deny = JSON.parse(policy).Statement.find((s) => s.Effect === 'Deny');
		this.expect(`TLS of ${what}`, [deny?.Action, deny?.Principal, deny?.Condition, deny?.Resource.includes(arn)],
			[[action], { '*': ['*'] }, { Bool: { 'aws:SecureTransport': ['false'] } }, true]);
	}

	async lifecycle(role, rules) {
		const ids = rules.map((r) => r.id);
		const wanted = ['remove-unfinished-uploads', 'remove-old-versions'];
		const move = await this.plan.variable('infrequent_access_days');
		const expire = await this.plan.variable(role === 'destination' ? 'destination_expiration_days' : 'source_expiration_days');
		if (move !== null && (expire === null || expire > move))
			wanted.push('move-to-infrequent-access');
		if (expire !== null)
			wanted.push('expire');
		this.expect(`lifecycle of ${role}`, ids, wanted);
		this.expect(`lifecycle of ${role}`, rules.every((r) => r.status === 'Enabled' && r.filter.length === 1), true);
	}

	async notifications() {
		const queue = await this.get('aws_sqs_queue', 'queue');
		const buckets = await this.get('aws_s3_bucket', 'bucket');
		const made = await this.get('aws_s3_bucket_notification', 'source');
		this.expect('the notified bucket', made.bucket, buckets.source.id);
		this.expect('the notification', [made.queue[0].queue_arn, made.queue[0].events],
			[queue.arn, ['s3:ObjectCreated:*']]);
		this.expect('the notification filter', [made.queue[0].filter_prefix, made.queue[0].filter_suffix],
			[(await this.plan.variable('notification_prefix')) || null, (await this.plan.variable('notification_suffix')) || null]);
		const policy = JSON.parse((await this.get('aws_sqs_queue_policy', 'queue')).policy);
		const allowed = policy.Statement.filter((s) => s.Effect === 'Allow');
		this.expect('who may send to the queue', allowed.map(({ Sid, ...s }) => s), [{
			Effect: 'Allow',
			Action: ['sqs:SendMessage'],
			Resource: [queue.arn],
			Principal: { Service: ['s3.amazonaws.com'] },
			Condition: {
				ArnEquals: { 'aws:SourceArn': [buckets.source.arn] },
				StringEquals: { 'aws:SourceAccount': ['123456789012'] },
			},
		}]);
	}

	async queues() {
		const queue = await this.get('aws_sqs_queue', 'queue');
		const dead = await this.get('aws_sqs_queue', 'dead_letter');
		this.expect('long polling', [queue.receive_wait_time_seconds, dead.receive_wait_time_seconds], [20, 20]);
		this.expect('visibility', [queue.visibility_timeout_seconds, dead.visibility_timeout_seconds], [450, 450]);
		this.expect('encryption of queues', [queue.sqs_managed_sse_enabled, dead.sqs_managed_sse_enabled], [true, true]);
		this.expect('dead letters are kept', dead.message_retention_seconds, 1209600);
		this.expect('messages expire before dead letters', queue.message_retention_seconds < 1209600, true);
		const redrive = await this.get('aws_sqs_queue_redrive_policy', 'queue');
		this.expect('the redrive policy', [redrive.queue_url, JSON.parse(redrive.redrive_policy)],
			[queue.url, { deadLetterTargetArn: dead.arn, maxReceiveCount: 10 }]);
		const allow = await this.get('aws_sqs_queue_redrive_allow_policy', 'dead_letter');
		this.expect('who may redrive', [allow.queue_url, JSON.parse(allow.redrive_allow_policy)],
			[dead.url, { redrivePermission: 'byQueue', sourceQueueArns: [queue.arn] }]);
		for (const [name, { arn }] of [['queue', queue], ['dead_letter', dead]])
			this.tlsOnly(name, (await this.get('aws_sqs_queue_policy', name)).policy, arn, 'sqs:*');
	}

	async table() {
		const table = await this.get('aws_dynamodb_table', 'lists');
		this.expect('the partition key', [table.hash_key, table.attribute],
			['ContentType', [{ name: 'ContentType', type: 'S' }]]);
		this.expect('the capacity', [table.read_capacity, table.write_capacity],
			table.billing_mode === 'PROVISIONED' ? [5, 2] : [null, null]);
		this.expect('recovery and encryption',
			[table.point_in_time_recovery[0].enabled, table.server_side_encryption[0].enabled], [true, true]);
		const items = [
			['PriorityList', await this.get('aws_dynamodb_table_item', 'priority_list'), await this.plan.variable('priority_list')],
			['BlackList', await this.get('aws_dynamodb_table_item', 'black_list'), await this.plan.variable('black_list')],
		];
		for (const [name, made, partners] of items)
			this.expect(`the item ${name}`, [made.table_name, made.hash_key, JSON.parse(made.item ?? null)],
				[table.name, 'ContentType',
					{ ContentType: { S: name }, partner_list: { L: partners.map((p) => ({ S: p })) } }]);
	}

	async function() {
		const made = await this.get('aws_lambda_function', 'consolidate');
		const buckets = await this.get('aws_s3_bucket', 'bucket');
		const table = await this.get('aws_dynamodb_table', 'lists');
		const log = await this.get('aws_cloudwatch_log_group', 'function');
		const architecture = await this.plan.variable('architecture');
		this.expect('the function', [made.runtime, made.timeout, made.ephemeral_storage[0].size, made.architectures],
			['provided.al2023', 90, 512, [architecture]]);
		this.expect('the archive', made.filename,
			(await this.plan.variable('lambda_zip')) ?? `${this.plan.directory}/../build/acc-lambda-${architecture}.zip`);
		this.expect('the archive\'s hash', made.source_code_hash, `sha256 of ${made.filename}`);
		const { ACC_DEST, ACC_PRIORITY, ACC_BYTES, ACC_KEY } = made.environment[0].variables;
		this.expect('the function\'s options', [ACC_DEST, ACC_PRIORITY, ACC_BYTES, ACC_KEY],
			[`s3://${buckets.destination.id}/`, `dynamodb://${table.name}`, '500KB', await this.plan.variable('destination_key')]);
		this.expect('the log', [made.logging_config[0].log_group, log.name, log.retention_in_days > 0],
			[log.name, `/aws/lambda/${made.function_name}`, true]);
		const mapping = await this.get('aws_lambda_event_source_mapping', 'queue');
		this.expect('the mapping', [mapping.function_name, mapping.event_source_arn, mapping.batch_size,
			mapping.maximum_batching_window_in_seconds, mapping.function_response_types],
		[made.arn, (await this.get('aws_sqs_queue', 'queue')).arn, 10, 120, ['ReportBatchItemFailures']]);
		this.expect('the maximum concurrency', mapping.scaling_config[0].maximum_concurrency,
			await this.plan.variable('maximum_concurrency'));
	}

	async policies() {
		const say = (found) => this.findings.push(...found);
		for (const [role, { policy }] of Object.entries(await this.get('aws_s3_bucket_policy', 'bucket')))
			say(await checkPolicy(`policy of ${role}`, policy, { attached: true }));
		for (const [type, name] of [['aws_sqs_queue_policy', 'queue'], ['aws_sqs_queue_policy', 'dead_letter'],
			['aws_sns_topic_policy', 'alarms']])
			say(await checkPolicy(`${type}.${name}`, (await this.get(type, name)).policy, { attached: true }));
		const role = await this.get('aws_iam_role', 'function');
		const rights = await this.get('aws_iam_role_policy', 'function');
		say(await checkPolicy('rights of the function', rights.policy, { attached: false }));
		const statements = JSON.parse(rights.policy).Statement;
		const { destination } = await this.get('aws_s3_bucket', 'bucket');
		const tags = 'ACC_TAG' in (await this.plan.variable('options'));
		const keys = await this.plan.variable('kms_key_arns');
		this.expect('what the function may do',
			statements.flatMap((s) => s.Action).sort().filter((a, i, all) => a !== all[i - 1]),
			[...FUNCTION_MAY, ...(tags ? ['s3:PutObjectTagging'] : []),
				...(keys.length > 0 ? ['kms:Decrypt', 'kms:GenerateDataKey'] : [])].sort());
		const resources = (action) => statements.filter((s) => s.Action.includes(action)).flatMap((s) => s.Resource);
		this.expect('what the function may tag', resources('s3:PutObjectTagging'), tags ? [`${destination.arn}/*`] : []);
		this.expect('the keys that it may use', resources('kms:Decrypt'), keys);
		this.expect('whose rights they are', rights.role, role.id);
		this.expect('who takes the role', JSON.parse(role.assume_role_policy).Statement[0].Principal,
			{ Service: ['lambda.amazonaws.com'] });
		for (const made of await this.get('aws_iam_role_policy', 'replication'))
			say(await checkPolicy('rights of replication', made.policy, { attached: false }));
		for (const made of await this.get('aws_iam_role', 'replication'))
			this.expect('who replicates', JSON.parse(made.assume_role_policy).Statement[0].Principal,
				{ Service: ['s3.amazonaws.com'] });
	}

	async alarms() {
		const topic = await this.get('aws_sns_topic', 'alarms');
		const watched = new Set();
		for (const name of Object.keys(this.plan.config.resource.aws_cloudwatch_metric_alarm))
			for (const alarm of [await this.get('aws_cloudwatch_metric_alarm', name)].flat()) {
				this.expect(`actions of alarm ${name}`, [alarm.alarm_actions, alarm.ok_actions, alarm.treat_missing_data],
					[[topic.arn], [topic.arn], 'notBreaching']);
				if (!/^(GreaterThan|LessThan)(OrEqualTo)?Threshold$/.test(alarm.comparison_operator))
					this.findings.push(`alarm ${name}: unknown comparison ${alarm.comparison_operator}`);
				for (const m of alarm.metric_query ? alarm.metric_query.flatMap((q) => q.metric ?? []) : [alarm])
					watched.add(await this.metric(`alarm ${name}`, m.namespace, m.metric_name, m.dimensions));
				this.expression(name, alarm.metric_query);
			}
		for (const name of WATCHED)
			this.expect(`an alarm on ${name}`, watched.has(name), true);
		const emails = await this.plan.variable('alarm_emails');
		const subscribed = Object.values(await this.get('aws_sns_topic_subscription', 'email'));
		this.expect('subscriptions', subscribed.map((s) => [s.topic_arn, s.protocol, s.endpoint]).sort(),
			emails.map((e) => [topic.arn, 'email', e]).sort());
	}

	expression(name, queries) {
		if (!queries)
			return;
		this.expect(`alarm ${name}: returned queries`, queries.filter((q) => q.return_data === true).length, 1);
		const ids = new Set(queries.map((q) => q.id));
		for (const { expression } of queries)
			for (const [word] of (expression ?? '').matchAll(/\b[a-z]\w*\b/g))
				this.expect(`alarm ${name}: a query ${word}`, ids.has(word), true);
	}

	async metric(where, namespace, name, dimensions) {
		const own = namespace === METRICS.namespace;
		if (!(own ? METRICS.metrics : METRICS.services[namespace] ?? []).includes(name))
			this.findings.push(`${where}: unknown metric ${namespace} ${name}`);
		this.expect(`${where}: dimensions of ${name}`, Object.keys(dimensions ?? {}).sort(),
			own ? [METRICS.dimension] : METRICS.dimensions[namespace]);
		const queues = [(await this.get('aws_sqs_queue', 'queue')).name, (await this.get('aws_sqs_queue', 'dead_letter')).name];
		const known = {
			Function: [(await this.get('aws_lambda_function', 'consolidate')).function_name],
			QueueName: queues,
			TableName: [(await this.get('aws_dynamodb_table', 'lists')).name],
		};
		known.FunctionName = known.Function;
		for (const [key, value] of Object.entries(dimensions ?? {}))
			if (known[key] && !known[key].includes(value))
				this.findings.push(`${where}: no ${key} ${value}`);
		return name;
	}

	async dashboard() {
		const made = await this.get('aws_cloudwatch_dashboard', 'consolidation');
		const body = JSON.parse(made.dashboard_body);
		if (!dashboardIsValid(body))
			for (const e of dashboardIsValid.errors)
				this.findings.push(`dashboard${e.instancePath}: ${e.message}`);
		this.overlaps(body.widgets);
		const shown = new Set();
		for (const { properties } of body.widgets)
			for (const line of properties.metrics ?? []) {
				const [namespace, name, ...rest] = line.filter((v) => typeof v === 'string');
				const pairs = rest.flatMap((v, i) => (i % 2 === 0 ? [[v, rest[i + 1]]] : []));
				shown.add(await this.metric(`dashboard "${properties.title}"`, namespace, name, Object.fromEntries(pairs)));
			}
		for (const name of SHOWN)
			this.expect(`${name} on the dashboard`, shown.has(name), true);
		const alarms = [];
		for (const name of Object.keys(this.plan.config.resource.aws_cloudwatch_metric_alarm))
			alarms.push(...[await this.get('aws_cloudwatch_metric_alarm', name)].flat().map((a) => a.arn));
		this.expect('alarms on the dashboard', body.widgets.flatMap((w) => w.properties.alarms ?? []).sort(), alarms.sort());
		const log = (await this.get('aws_cloudwatch_log_group', 'function')).name;
		for (const { properties } of body.widgets.filter((w) => w.type === 'log'))
			this.expect('the dashboard\'s log', properties.query.split("'")[1], log);
	}

	overlaps(widgets) {
		widgets.forEach((a, i) => {
			if (a.x + a.width > 24)
				this.findings.push(`dashboard: widget ${i} reaches beyond the right edge`);
			for (const [j, b] of widgets.slice(0, i).entries())
				if (a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height)
					this.findings.push(`dashboard: widgets ${j} and ${i} overlap`);
		});
	}

	async names() {
		for (const [type, limit, key] of [['aws_s3_bucket', 63, 'bucket'], ['aws_sqs_queue', 80, 'name'],
			['aws_iam_role', 64, 'name'], ['aws_lambda_function', 64, 'function_name']])
			for (const name of Object.keys(this.plan.config.resource[type])) {
				const made = await this.get(type, name);
				for (const one of key in made ? [made] : Object.values(made))
					if (one[key].length > limit)
						this.findings.push(`${type} ${one[key]} is longer than ${limit}`);
			}
	}

	async outputs() {
		for (const [name, [body]] of Object.entries(this.plan.config.output)) {
			const value = await this.plan.evaluate(body.value);
			if (value === undefined || (value === null && name !== 'replica_bucket'))
				this.findings.push(`output ${name} has no value`);
		}
		const { name, arn } = await this.get('aws_iam_role', 'function');
		const output = (which) => this.plan.evaluate(this.plan.config.output[which][0].value);
		this.expect('the role told of', [await output('function_role_name'), await output('function_role_arn')], [name, arn]);
	}
}
