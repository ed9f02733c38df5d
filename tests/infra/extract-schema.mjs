// Writes aws-schema.json: what the AWS provider knows of the resource types that terraform/ uses.
//
// The provider itself cannot be asked without Terraform, but its schema is published as the typings
// of a prebuilt binding.  Only its archive is needed, it is never installed:
//
//	npm pack @cdktn/provider-aws@24.1.0
//	node extract-schema.mjs cdktn-provider-aws-24.1.0.tgz aws-schema.json aws_sqs_queue data.aws_region ...
//
// Without types on the command line those of an existing aws-schema.json are taken again.
//
// Shape: {"provider":"hashicorp/aws","version":"6.45.0","types":{TYPE:BLOCK}} where TYPE is "aws_x",
// "data.aws_x" or "provider" and BLOCK is {"args":{NAME:KIND},"blocks":{NAME:BLOCK},"reads":[NAME]}.
// KIND is string, number, bool, list(string), list(number), map(string), object or any, with a "!"
// in front where the argument is required.  A nested BLOCK has "nest":"single"|"list" and "required".
// "reads" are the attributes that can be referred to but not set.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const KINDS = new Map([
	['string', 'string'],
	['number', 'number'],
	['boolean', 'bool'],
	['string[]', 'list(string)'],
	['number[]', 'list(number)'],
	['map', 'map(string)'],
	['any', 'any'],
]);

function fail(message) {
	console.error(`extract-schema: ${message}`);
	process.exit(2);
}

function directory(type) {
	const dashed = type.replace(/^data\.aws_/, 'data-aws-').replace(/^aws_/, '').replaceAll('_', '-');
	return `package/lib/${dashed}`;
}

// {interface name: [{name, optional, type, block}]}
function interfaces(typings) {
	const found = new Map();
	for (const [, name, body] of typings.matchAll(/^export interface (\w+)[^{]*\{\n([\s\S]*?)^\}/gm)) {
		const members = [];
		const member = /\/\*\*([\s\S]*?)\*\/\s*readonly (\w+)(\??):\s*(\{[\s\S]*?\}|[^;]+);/g;
		for (const [, comment, , optional, text] of body.matchAll(member)) {
			const link = comment.match(/\{@link \S+#(\w+) /);
			if (!link)
				continue;
			const type = text.replace(/ \| cdkt[fn]\.IResolvable/g, '').trim();
			members.push({
				name: link[1],
				required: optional === '',
				type: type.startsWith('{') ? 'map' : type,
				block: /^\s*\*\s*\w+ block\s*$/m.test(comment),
			});
		}
		found.set(name, members);
	}
	return found;
}

function toBlock(all, name) {
	const block = { args: {} };
	for (const m of all.get(name) ?? fail(`no interface ${name}`)) {
		if (m.block) {
			const child = toBlock(all, m.type.replace(/\[\]$/, ''));
			child.nest = m.type.endsWith('[]') ? 'list' : 'single';
			if (m.required)
				child.required = true;
			(block.blocks ??= {})[m.name] = child;
		} else {
			const kind = KINDS.get(m.type) ?? 'object';
			block.args[m.name] = (m.required ? '!' : '') + kind;
		}
	}
	return block;
}

function reads(code, settable) {
	const last = code.slice(code.lastIndexOf('static generateConfigForImport'));
	const names = new Set();
	for (const [, name] of last.matchAll(/get\w+Attribute\('(\w+)'\)/g))
		names.add(name);
	for (const [, name] of last.matchAll(/new \w+\(this, "(\w+)"/g))
		names.add(name);
	return [...names].filter((n) => !settable.has(n)).sort();
}

function extract(root, type) {
	const path = join(root, type === 'provider' ? 'package/lib/provider' : directory(type));
	const all = interfaces(readFileSync(join(path, 'index.d.ts'), 'utf8'));
	const top = [...all.keys()].find((n) => n.endsWith('Config') &&
		readFileSync(join(path, 'index.d.ts'), 'utf8').includes(`interface ${n} extends`));
	const block = toBlock(all, type === 'provider' ? 'AwsProviderConfig' : top);
	if (type !== 'provider')
		block.reads = reads(readFileSync(join(path, 'index.js'), 'utf8'),
			new Set([...Object.keys(block.args), ...Object.keys(block.blocks ?? {})]));
	if (Object.keys(block.args).length + (block.reads?.length ?? 0) === 0)
		fail(`${type} came out empty: the shape of the typings has changed`);
	return block;
}

const [archive, out, ...given] = process.argv.slice(2);
if (!out)
	fail('usage: extract-schema.mjs ARCHIVE OUTPUT [TYPE...]');
const types = given.length > 0 ? given :
	existsSync(out) ? Object.keys(JSON.parse(readFileSync(out, 'utf8')).types) : fail('no types given');
const root = mkdtempSync(join(tmpdir(), 'schema-'));
try {
	const wanted = types.map((t) => (t === 'provider' ? 'package/lib/provider' : directory(t)));
	execFileSync('tar', ['-xzf', archive, '-C', root, 'package/package.json', ...wanted]);
	const { provider } = JSON.parse(readFileSync(join(root, 'package/package.json'), 'utf8')).cdktn;
	const schema = {
		provider: provider.name.split('/').slice(-2).join('/'),
		version: provider.version,
		types: Object.fromEntries(types.sort().map((t) => [t, extract(root, t)])),
	};
	const lines = Object.entries(schema.types).map(([t, b]) => `${JSON.stringify(t)}:${JSON.stringify(b)}`);
	writeFileSync(out, `{"provider":"${schema.provider}","version":"${schema.version}","types":{\n` +
		`${lines.join(',\n')}\n}}\n`);
} finally {
	rmSync(root, { recursive: true });
}
