// What terraform validate would find: every type, argument, block and reference against the schema.

import { isObject, isTemplate, strings, template } from './hcl.mjs';
import { FUNCTION_NAMES } from './plan.mjs';

const META = {
	resource: new Set(['count', 'for_each', 'depends_on', 'lifecycle', 'provider']),
	data: new Set(['count', 'for_each', 'depends_on', 'provider']),
};
const LIFECYCLE = new Set(['create_before_destroy', 'ignore_changes', 'prevent_destroy',
	'replace_triggered_by', 'precondition', 'postcondition']);
const VARIABLE = new Set(['type', 'description', 'default', 'validation', 'sensitive', 'nullable', 'ephemeral']);
const MOVED = new Set(['from', 'to']);
const OUTPUT = new Set(['value', 'description', 'sensitive', 'depends_on', 'precondition']);

// findings: texts such as "queue.tf: aws_sqs_queue.queue: no argument delay".
export async function checkStructure(module, schema) {
	return new Structure(module, schema).run();
}

class Structure {
	constructor(module, schema) {
		this.module = module;
		this.schema = schema;
		this.findings = [...module.errors];
		this.things = new Map();        // "var.x", "local.x", "aws_x.y", "data.aws_x.y": {body, file}
		this.used = new Map();          // the same names: the set of names that refer to them
	}

	say(where, text) {
		this.findings.push(`${where}: ${text}`);
	}

	async run() {
		for (const [file, tree] of Object.entries(this.module.trees))
			this.declare(file, tree);
		for (const [file, tree] of Object.entries(this.module.trees))
			await this.checkFile(file, tree);
		this.unused();
		this.cycles();
		this.settings();
		return this.findings;
	}

	add(name, body, file) {
		if (this.things.has(name))
			this.say(file, `${name} is declared twice`);
		this.things.set(name, { body, file });
	}

	declare(file, tree) {
		for (const kind of Object.keys(tree))
			if (!['terraform', 'provider', 'variable', 'locals', 'resource', 'data', 'output', 'moved'].includes(kind))
				this.say(file, `unknown block ${kind}`);
		for (const [kind, prefix] of [['variable', 'var'], ['output', 'output']])
			for (const [name, bodies] of Object.entries(tree[kind] ?? {}))
				for (const body of bodies)
					this.add(`${prefix}.${name}`, body, file);
		for (const block of [tree.locals ?? []].flat())
			for (const [name, value] of Object.entries(block))
				this.add(`local.${name}`, value, file);
		for (const [kind, prefix] of [['resource', ''], ['data', 'data.']])
			for (const [type, named] of Object.entries(tree[kind] ?? {}))
				for (const [name, bodies] of Object.entries(named))
					for (const body of bodies)
						this.add(`${prefix}${type}.${name}`, body, file);
	}

	async checkFile(file, tree) {
		for (const [name, [body]] of Object.entries(tree.variable ?? {}))
			await this.checkVariable(`${file}: var.${name}`, `var.${name}`, body);
		for (const [name, [body]] of Object.entries(tree.output ?? {})) {
			this.only(`${file}: output.${name}`, body, OUTPUT);
			if (!body.description || !('value' in body))
				this.say(`${file}: output.${name}`, 'needs a description and a value');
			await this.references(`${file}: output.${name}`, `output.${name}`, body, {});
		}
		for (const block of [tree.locals ?? []].flat())
			for (const [name, value] of Object.entries(block))
				await this.references(`${file}: local.${name}`, `local.${name}`, value, {});
		for (const [name, [body]] of Object.entries(tree.provider ?? {})) {
			this.block(`${file}: provider ${name}`, body, this.schema.types.provider, new Set(['alias']));
			await this.references(`${file}: provider ${name}`, `provider.${name}`, body, {});
		}
		for (const body of tree.moved ?? [])
			this.moved(`${file}: moved`, body);
		for (const kind of ['resource', 'data'])
			for (const [type, named] of Object.entries(tree[kind] ?? {}))
				for (const [name, [body]] of Object.entries(named))
					await this.checkResource(file, kind, type, name, body);
	}

	// An address that is still in use cannot have moved away, and one that is not made cannot be moved to.
	moved(where, body) {
		this.only(where, body, MOVED);
		for (const [key, wanted] of [['from', false], ['to', true]]) {
			const [, address, index] = (body[key] ?? '').match(/^\$\{([\w.]+)(\[.*\])?\}$/) ?? [];
			const made = this.things.get(address)?.body;
			const several = made?.count !== undefined || made?.for_each !== undefined;
			if ((made !== undefined && several === (index !== undefined)) !== wanted)
				this.say(where, `${key} is ${body[key]}, which is ${wanted ? 'not' : 'still'} made`);
		}
	}

	only(where, body, known) {
		for (const key of Object.keys(body))
			if (!known.has(key))
				this.say(where, `no argument ${key}`);
	}

	async checkVariable(where, name, body) {
		this.only(where, body, VARIABLE);
		if (!body.description || !body.type)
			this.say(where, 'needs a type and a description');
		for (const rule of [body.validation ?? []].flat())
			if (!('condition' in rule) || !/^[A-Z$].*\.$/.test(rule.error_message ?? ''))
				this.say(where, 'a validation needs a condition and a whole sentence as its error_message');
		if (body.type !== '${bool}' && !body.validation)
			this.say(where, 'has no validation');
		await this.references(where, name, { ...body, type: null }, {});
	}

	async checkResource(file, kind, type, name, body) {
		const id = `${kind === 'data' ? 'data.' : ''}${type}.${name}`;
		const where = `${file}: ${id}`;
		const known = this.schema.types[kind === 'data' ? `data.${type}` : type];
		if (!known)
			return this.say(where, `unknown type ${type}`);
		if (body.count !== undefined && body.for_each !== undefined)
			this.say(where, 'count and for_each together');
		for (const cycle of [body.lifecycle ?? []].flat())
			this.lifecycle(where, cycle, known);
		this.block(where, body, known, META[kind]);
		const scope = {
			...(body.for_each !== undefined && { each: new Set(['key', 'value']) }),
			...(body.count !== undefined && { count: new Set(['index']) }),
		};
		await this.references(where, id, { ...body, lifecycle: null, depends_on: null }, scope);
		for (const text of body.depends_on ?? [])
			await this.depends(where, id, text);
	}

	lifecycle(where, cycle, known) {
		this.only(`${where}: lifecycle`, cycle, LIFECYCLE);
		for (const text of cycle.ignore_changes ?? []) {
			const argument = text.replace(/^\$\{(\w+).*\}$/, '$1');
			if (!(argument in known.args) && !(argument in (known.blocks ?? {})))
				this.say(where, `ignore_changes names no argument ${argument}`);
		}
	}

	async depends(where, id, text) {
		const target = text.replace(/^\$\{(.*)\}$/, '$1');
		if (!this.things.has(target))
			return this.say(where, `depends_on names no ${target}`);
		this.use(target, id);
	}

	block(where, body, known, meta = new Set()) {
		for (const [key, value] of Object.entries(body)) {
			if (meta.has(key) || key === 'dynamic')
				continue;
			if (known.args[key] !== undefined)
				this.argument(`${where}: ${key}`, value, known.args[key].replace('!', ''));
			else if (known.blocks?.[key])
				this.nested(`${where}: ${key}`, value, known.blocks[key]);
			else
				this.say(where, known.reads?.includes(key) ? `${key} cannot be set` : `no argument ${key}`);
		}
		for (const [key, blocks] of Object.entries(body.dynamic ?? {})) {
			if (!known.blocks?.[key])
				this.say(where, `no block ${key}`);
			else
				for (const { content } of blocks)
					this.nested(`${where}: ${key}`, content, known.blocks[key]);
		}
		for (const [key, kind] of Object.entries(known.args))
			if (kind.startsWith('!') && !(key in body))
				this.say(where, `needs the argument ${key}`);
		for (const [key, child] of Object.entries(known.blocks ?? {}))
			if (child.required && !(key in body) && !(key in (body.dynamic ?? {})))
				this.say(where, `needs a block ${key}`);
	}

	nested(where, value, known) {
		if (!Array.isArray(value) || !value.every(isObject))
			return this.say(where, 'is a block, not an argument');
		if (known.nest === 'single' && value.length > 1)
			this.say(where, 'stands once only');
		for (const body of value)
			this.block(where, body, known);
	}

	argument(where, value, kind) {
		if (isTemplate(value) || value === null || kind === 'any' || kind === 'object')
			return;
		const [, outer, inner] = kind.match(/^(\w+)(?:\((\w+)\))?$/);
		const is = Array.isArray(value) ? 'list' : isObject(value) ? 'map' : typeof value;
		const wanted = outer === 'bool' ? 'boolean' : outer;
		if (is === 'list' && value.length > 0 && value.every(isObject))
			this.say(where, 'is an argument, not a block');
		else if (is !== wanted && !(wanted === 'string' && is === 'number'))
			this.say(where, `is a ${is}, not a ${kind}`);
		else if (inner)
			for (const child of Object.values(value))
				this.argument(where, child, inner);
	}

	use(target, by) {
		if (!this.used.has(target))
			this.used.set(target, new Set());
		this.used.get(target).add(by);
	}

	// Every reference in value, but for what a dynamic block's iterator brings into scope.
	async references(where, by, value, scope) {
		const own = { ...scope };
		collectIterators(value, own);
		for (const [text] of strings(value))
			if (isTemplate(text))
				for (const part of await template(text))
					await this.walk(where, by, part, own);
	}

	async walk(where, by, node, scope) {
		if (node.type === 'function' && !FUNCTION_NAMES.has(node.meta.name))
			this.say(where, `unknown function ${node.meta.name}()`);
		if (node.type === 'scopeTraversal')
			this.resolve(where, by, node.meta.traversal, scope);
		if (node.type === 'relativeTraversal' || node.type === 'splat')
			this.resolveIndexed(where, node);
		if (node.type === 'for') {
			const inner = { ...scope, [node.meta.valVar]: null, ...(node.meta.keyVar && { [node.meta.keyVar]: null }) };
			for (const code of ['collectionExpression', 'keyExpression', 'valueExpression', 'conditionalExpression'])
				if (node.meta[code])
					for (const part of await template(`\${${node.meta[code]}}`))
						await this.walk(where, by, part, code === 'collectionExpression' ? scope : inner);
			return;
		}
		for (const child of node.children)
			await this.walk(where, by, child, scope);
	}

	resolve(where, by, traversal, scope) {
		const names = traversal.map((t) => t.segment);
		if (names[0] in scope) {
			if (scope[names[0]] && !scope[names[0]].has(names[1]))
				this.say(where, `no ${names.slice(0, 2).join('.')}`);
			return;
		}
		if (names[0] === 'path' && ['module', 'root', 'cwd'].includes(names[1]))
			return;
		if (names[0] === 'each' || names[0] === 'count')
			return this.say(where, `${names[0]}.${names[1]} without ${names[0] === 'each' ? 'for_each' : 'count'}`);
		const length = names[0] === 'data' ? 3 : 2;
		const target = names.slice(0, length).join('.');
		if (!this.things.has(target) || target.startsWith('output.'))
			return this.say(where, `refers to ${target}, which is not declared`);
		this.use(target, by);
		if (names[0] !== 'var' && names[0] !== 'local')
			this.attribute(where, target, traversal.slice(length));
	}

	// aws_x.y[each.key].attribute and aws_x.y[*].attribute: the end stands apart from the name.
	resolveIndexed(where, node) {
		const inner = node.type === 'splat' ? node : node.children[0];
		const name = inner?.children?.[0]?.meta?.fullAccessor;
		const end = node.type === 'splat' ? node.children[1]?.meta?.traversal : node.meta.traversal;
		if (name && this.things.has(name) && /^(data\.)?aws_/.test(name) && end)
			this.attribute(where, name, [{ type: 'indexTraversal' }, ...end]);
	}

	attribute(where, target, rest) {
		const { body } = this.things.get(target);
		const multiple = body.count !== undefined || body.for_each !== undefined;
		const [first] = rest;
		if (!first)
			return;
		if (multiple && first.type !== 'indexTraversal')
			this.say(where, `${target} has several instances and needs an index`);
		if (!multiple && first.type === 'indexTraversal')
			this.say(where, `${target} has one instance and takes no index`);
		const known = this.schema.types[target.split('.').slice(0, -1).join('.')];
		const name = rest.find((t) => t.type === 'nameTraversal')?.segment;
		if (known && name && !(name in known.args) && !(name in (known.blocks ?? {})) && !known.reads.includes(name))
			this.say(where, `${target} has no attribute ${name}`);
	}

	unused() {
		for (const [name, { file }] of this.things)
			if (/^(var|local|data)\./.test(name) && ![...(this.used.get(name) ?? [])].some((by) => by !== name))
				this.say(file, `${name} is never used`);
	}

	cycles() {
		const state = new Map();
		const visit = (name, way) => {
			if (state.get(name) === 'done')
				return;
			if (way.includes(name))
				return this.say('cycle', [...way.slice(way.indexOf(name)), name].join(' <- '));
			for (const by of this.used.get(name) ?? [])
				if (!(by === name && name.startsWith('var.')))
					visit(by, [...way, name]);
			state.set(name, 'done');
		};
		for (const name of this.things.keys())
			visit(name, []);
	}

	settings() {
		const terraform = Object.values(this.module.trees).flatMap((t) => t.terraform ?? []);
		if (terraform.length !== 1 || !terraform[0].required_version)
			this.say('terraform', 'needs one block with required_version');
		const aws = terraform[0]?.required_providers?.[0]?.aws;
		const major = this.schema.version.split('.')[0];
		if (aws?.source !== this.schema.provider || !new RegExp(`>= ${major}\\.\\d+, < ${Number(major) + 1}$`).test(aws?.version))
			this.say('terraform', `required_providers must pin ${this.schema.provider} to ${major}.x`);
	}
}

function collectIterators(value, scope) {
	if (value === null || typeof value !== 'object')
		return;
	for (const [label, blocks] of Object.entries(isObject(value.dynamic) ? value.dynamic : {}))
		for (const block of blocks)
			scope[block.iterator ?? label] = new Set(['key', 'value']);
	for (const child of Object.values(value))
		collectIterators(child, scope);
}
