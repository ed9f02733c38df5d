// What Terraform would plan, as far as it can be known without the provider: the configuration is
// evaluated with the values of one environment.  Attributes that only AWS knows (ARNs, ids) get the
// form they have there, in account 123456789012, so that policies and the dashboard come out whole.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isObject, isTemplate, template } from './hcl.mjs';

const ACCOUNT = '123456789012';

// The files that there are, beside the archives that make lambda builds.
const FILES = new Set(['/srv/acc.zip', '/srv/acc.tar']);

class Unknown extends Error {}

function same(a, b) {
	return JSON.stringify(a) === JSON.stringify(b);
}

function text(value) {
	if (value === null || typeof value === 'object')
		throw new Unknown(`${JSON.stringify(value)} cannot stand within a string`);
	return String(value);
}

function number(value) {
	if (value === null || value === '' || Number.isNaN(Number(value)) || typeof value === 'object')
		throw new Unknown(`${JSON.stringify(value)} is no number`);
	return Number(value);
}

function regex(pattern, value) {
	if (typeof value !== 'string')
		throw new Unknown('regex: no string');
	const found = value.match(new RegExp(pattern.replaceAll('[:space:]', '\\s')));
	if (!found)
		throw new Unknown('regex: no match');
	return found[0];
}

const unique = (list) => list.filter((v, i) => list.findIndex((w) => same(v, w)) === i);

const FUNCTIONS = {
	alltrue: (l) => l.every((v) => v === true),
	coalesce: (...l) => l.find((v) => v !== null && v !== '') ?? fail('coalesce: nothing'),
	concat: (...l) => l.flat(1),
	contains: (l, v) => l.some((w) => same(v, w)),
	distinct: unique,
	fileexists: (path) => FILES.has(path),
	filebase64sha256: (path) => `sha256 of ${path}`,
	join: (separator, l) => l.join(separator),
	jsonencode: (v) => JSON.stringify(v),
	keys: (o) => Object.keys(o).sort(),
	length: (v) => (isObject(v) ? Object.keys(v).length : v.length),
	lookup: (o, key, otherwise) => (key in o ? o[key] : otherwise),
	lower: (s) => s.toLowerCase(),
	merge: (...l) => Object.assign({}, ...l),
	one: (l) => (l.length > 1 ? fail('one: more than one') : (l[0] ?? null)),
	regex,
	setintersection: (a, b) => a.filter((v) => b.some((w) => same(v, w))),
	setsubtract: (a, b) => unique(a.filter((v) => !b.some((w) => same(v, w)))).sort(),
	startswith: (s, p) => s.startsWith(p),
	strcontains: (s, p) => s.includes(p),
	toset: (l) => unique(l).sort(),
};

export const FUNCTION_NAMES = new Set([...Object.keys(FUNCTIONS), 'can', 'try', 'templatefile']);

function fail(message) {
	throw new Unknown(message);
}

const OPERATORS = {
	equal: same,
	notEqual: (a, b) => !same(a, b),
	greaterThan: (a, b) => number(a) > number(b),
	greaterThanOrEqual: (a, b) => number(a) >= number(b),
	lessThan: (a, b) => number(a) < number(b),
	lessThanOrEqual: (a, b) => number(a) <= number(b),
	add: (a, b) => number(a) + number(b),
	subtract: (a, b) => number(a) - number(b),
	multiply: (a, b) => number(a) * number(b),
	divide: (a, b) => number(a) / number(b),
	logicalAnd: (a, b) => a && b,
	logicalOr: (a, b) => a || b,
};

// Attributes that AWS computes, by resource type; `a` are the arguments, `r` the region.
const arn = (service, rest) => (a, r) => `arn:aws:${service}:${r}:${ACCOUNT}:${rest(a)}`;
const COMPUTED = {
	aws_s3_bucket: { id: (a) => a.bucket, arn: (a) => `arn:aws:s3:::${a.bucket}` },
	aws_sqs_queue: {
		arn: arn('sqs', (a) => a.name),
		url: (a, r) => `https://sqs.${r}.amazonaws.com/${ACCOUNT}/${a.name}`,
	},
	aws_dynamodb_table: { arn: arn('dynamodb', (a) => `table/${a.name}`) },
	aws_lambda_function: { arn: arn('lambda', (a) => `function:${a.function_name}`) },
	aws_cloudwatch_log_group: { arn: arn('logs', (a) => `log-group:${a.name}`) },
	aws_cloudwatch_metric_alarm: { arn: arn('cloudwatch', (a) => `alarm:${a.alarm_name}`) },
	aws_sns_topic: { arn: arn('sns', (a) => a.name) },
	aws_iam_role: { arn: (a) => `arn:aws:iam::${ACCOUNT}:role/${a.name}`, id: (a) => a.name },
	'data.aws_caller_identity': { account_id: () => ACCOUNT },
	'data.aws_partition': { partition: () => 'aws' },
	'data.aws_iam_policy_document': { json: (a) => JSON.stringify(policy(a)) },
};

const list = (value) => (value === undefined || value === null ? [] : [value].flat());

function conditions(blocks) {
	const made = {};
	for (const { test, variable, values } of blocks)
		(made[test] ??= {})[variable] = values;
	return made;
}

function policy(document) {
	return {
		Version: '2012-10-17',
		Statement: list(document.statement).map((s) => ({
			Sid: s.sid,
			Effect: s.effect ?? 'Allow',
			Action: s.actions,
			Resource: s.resources,
			...(s.principals && {
				Principal: Object.assign({}, ...s.principals.map((p) => ({ [p.type]: p.identifiers }))),
			}),
			...(s.condition && { Condition: conditions(s.condition) }),
		})),
	};
}

export class Plan {
	// module: as load() gives it; values: of the environment's .tfvars.
	constructor(module, values) {
		this.directory = module.directory;
		this.config = { variable: {}, locals: {}, resource: {}, data: {}, output: {} };
		this.values = values;
		this.memo = new Map();
		for (const tree of Object.values(module.trees)) {
			for (const kind of ['resource', 'data'])
				for (const [type, named] of Object.entries(tree[kind] ?? {}))
					Object.assign((this.config[kind][type] ??= {}), named);
			for (const kind of ['variable', 'output'])
				Object.assign(this.config[kind], tree[kind] ?? {});
			for (const block of list(tree.locals))
				Object.assign(this.config.locals, block);
		}
	}

	// Cycles are for the structure's check to find: here they would wait for themselves.
	once(key, make) {
		if (!this.memo.has(key))
			this.memo.set(key, make());
		return this.memo.get(key);
	}

	async variable(name) {
		const declared = this.config.variable[name]?.[0] ?? fail(`no variable ${name}`);
		if (name in this.values)
			return this.evaluate(this.values[name]);
		if (!('default' in declared))
			throw new Unknown(`variable ${name} has no value`);
		return this.evaluate(declared.default);
	}

	// The messages of all validations that the values do not pass.
	async refusals() {
		const refused = [];
		for (const [name, [declared]] of Object.entries(this.config.variable)) {
			const value = await this.variable(name);
			if (!fits(value, declared.type))
				refused.push(`${name}: ${JSON.stringify(value)} is no ${declared.type}`);
		}
		if (refused.length > 0)
			return refused;
		for (const [name, [declared]] of Object.entries(this.config.variable))
			for (const rule of list(declared.validation))
				if ((await this.evaluate(rule.condition)) !== true)
					refused.push(`${name}: ${await this.evaluate(rule.error_message)}`);
		return refused;
	}

	// Instances of a resource: an object without count and for_each, else an array or a map of them.
	resource(kind, type, name) {
		const body = this.config[kind][type]?.[name]?.[0] ?? fail(`no ${kind} ${type}.${name}`);
		return this.once(`${kind}.${type}.${name}`, async () => {
			if ('for_each' in body) {
				const each = await this.evaluate(body.for_each);
				const entries = Array.isArray(each) ? each.map((v) => [v, v]) : Object.entries(each);
				const made = {};
				for (const [key, value] of entries)
					made[key] = await this.instance(kind, type, body, { each: { key, value } });
				return made;
			}
			if ('count' in body) {
				const made = [];
				for (let i = 0; i < (await this.evaluate(body.count)); i++)
					made.push(await this.instance(kind, type, body, { count: { index: i } }));
				return made;
			}
			return this.instance(kind, type, body, {});
		});
	}

	async instance(kind, type, body, scope) {
		const made = await this.block(body, scope);
		for (const meta of ['for_each', 'count', 'depends_on', 'lifecycle', 'provider'])
			delete made[meta];
		const region = made.region ?? (await this.variable('region'));
		for (const [name, compute] of Object.entries(COMPUTED[kind === 'data' ? `data.${type}` : type] ?? {}))
			made[name] = compute(made, region);
		return made;
	}

	async block(body, scope) {
		const made = {};
		for (const [key, value] of Object.entries(body)) {
			if (key === 'dynamic' || key === 'depends_on' || key === 'lifecycle' || key === 'for_each')
				continue;
			made[key] = Array.isArray(value) && value.length > 0 && value.every(isObject) ?
				await Promise.all(value.map((b) => this.block(b, scope))) : await this.evaluate(value, scope);
		}
		for (const [key, blocks] of Object.entries(body.dynamic ?? {}))
			for (const dynamic of blocks)
				for (const value of await this.evaluate(dynamic.for_each, scope))
					(made[key] ??= []).push(await this.block(dynamic.content[0],
						{ ...scope, [dynamic.iterator ?? key]: { value } }));
		return made;
	}

	async evaluate(value, scope = {}) {
		if (Array.isArray(value))
			return Promise.all(value.map((v) => this.evaluate(v, scope)));
		if (isObject(value)) {
			const made = {};
			for (const [key, v] of Object.entries(value))
				made[await this.evaluate(key, scope)] = await this.evaluate(v, scope);
			return made;
		}
		return isTemplate(value) ? this.parts(await template(value), scope) : value;
	}

	async parts(parts, scope) {
		if (parts.length === 1)
			return this.node(parts[0], scope);
		let out = '';
		for (const part of parts)
			out += text(await this.node(part, scope));
		return out;
	}

	source(code, scope) {
		return this.evaluate(`\${${code}}`, scope);
	}

	async node(node, scope) {
		const { type, meta, children } = node;
		switch (type) {
		case 'literalValue':
			return meta.type === 'number' ? Number(meta.value) : meta.type === 'bool' ? meta.value === 'true' :
				meta.type === 'string' ? meta.value : null;
		case 'template':
			return children.length === 0 ? '' : this.parts(children.map(
				(c) => (meta.value.startsWith('"') ? unescaped(c) : c)), scope);
		case 'tuple':
			return Promise.all(children.map((c) => this.node(c, scope)));
		case 'object': {
			const made = {};
			for (const [key, code] of Object.entries(meta.items))
				made[/^\(/.test(key) ? await this.source(key, scope) : key.replace(/^"(.*)"$/, '$1')] =
					await this.source(code, scope);
			return made;
		}
		case 'conditional':
			return this.node(children[(await this.node(children[0], scope)) ? 1 : 2], scope);
		case 'binaryOp':
			return (OPERATORS[meta.operator] ?? fail(`operator ${meta.operator}`))(
				await this.node(children[0], scope), await this.node(children[1], scope));
		case 'unaryOp': {
			const operand = await this.node(children[0], scope);
			return meta.operator === 'negate' ? -number(operand) : !operand;
		}
		case 'index':
			return member(await this.node(children[0], scope), await this.node(children[1], scope));
		case 'relativeTraversal':
			return this.steps(await this.node(children[0], scope), meta.traversal);
		case 'splat':
			return Promise.all(list(await this.node(children[0], scope))
				.map((v) => this.steps(v, children[1].meta.traversal)));
		case 'for':
			return this.loop(meta, scope);
		case 'function':
			return this.call(meta.name, children, scope);
		case 'scopeTraversal':
			return this.reference(meta.traversal, scope);
		case '':
			return this.node(children[0], scope);
		default:
			throw new Unknown(`expression of type ${type}`);
		}
	}

	async loop(meta, scope) {
		const over = await this.source(meta.collectionExpression, scope);
		const entries = Array.isArray(over) ? over.map((v, i) => [i, v]) : Object.entries(over);
		const object = meta.openRangeValue === '{';
		const made = object ? {} : [];
		for (const [key, value] of entries) {
			const inner = { ...scope, [meta.valVar]: value, ...(meta.keyVar && { [meta.keyVar]: key }) };
			if (meta.conditionalExpression && !(await this.source(meta.conditionalExpression, inner)))
				continue;
			const result = await this.source(meta.valueExpression, inner);
			if (object)
				made[await this.source(meta.keyExpression, inner)] = result;
			else
				made.push(result);
		}
		return made;
	}

	async call(name, args, scope) {
		if (name === 'can' || name === 'try') {
			for (const arg of args)
				try {
					const value = await this.node(arg, scope);
					return name === 'can' ? true : value;
				} catch (error) {
					if (!(error instanceof Unknown))
						throw error;
				}
			return name === 'can' ? false : fail('try: nothing worked');
		}
		const values = await Promise.all(args.map((a) => this.node(a, scope)));
		if (name === 'templatefile')
			return this.parts(await template(readFileSync(values[0], 'utf8')), values[1]);
		return (FUNCTIONS[name] ?? fail(`function ${name}`))(...values);
	}

	steps(value, traversal) {
		for (const { type, segment } of traversal)
			value = member(value, type === 'indexTraversal' ? JSON.parse(segment) : segment);
		return value;
	}

	async reference(traversal, scope) {
		const [first, second, third] = traversal.map((t) => t.segment);
		if (first in scope)
			return this.steps(scope[first], traversal.slice(1));
		if (first === 'var')
			return this.steps(await this.variable(second), traversal.slice(2));
		if (first === 'local')
			return this.steps(await this.once(`local.${second}`, () => this.evaluate(
				second in this.config.locals ? this.config.locals[second] : fail(`no local ${second}`))),
			traversal.slice(2));
		if (first === 'path')
			return second === 'module' ? this.directory : fail(`path.${second}`);
		if (first === 'data')
			return this.steps(await this.resource('data', second, third), traversal.slice(3));
		return this.steps(await this.resource('resource', first, second), traversal.slice(2));
	}
}

// The text parts of a quoted string come as they are written.
function unescaped(node) {
	if (node.type !== 'literalValue' || node.meta.type !== 'string')
		return node;
	const value = node.meta.value.replace(/\\(.)/g, (_, c) => ({ n: '\n', t: '\t', r: '\r' })[c] ?? c);
	return { ...node, meta: { ...node.meta, value } };
}

function member(value, key) {
	if (value === null || value === undefined || typeof value !== 'object' || !(key in value))
		throw new Unknown(`no ${JSON.stringify(key)} in ${JSON.stringify(value)?.slice(0, 80)}`);
	return value[key];
}

function fits(value, type) {
	const plain = (type ?? '').replace(/^\$\{(.*)\}$/, '$1');
	if (value === null)
		return true;
	if (plain.startsWith('list('))
		return Array.isArray(value) && value.every((v) => fits(v, plain.slice(5, -1)));
	if (plain.startsWith('map('))
		return isObject(value) && Object.values(value).every((v) => fits(v, plain.slice(4, -1)));
	return typeof value === (plain === 'bool' ? 'boolean' : plain);
}
