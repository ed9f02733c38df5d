// Reading of HCL: files to a tree, expressions to an abstract syntax tree.

import { createRequire } from 'node:module';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const { parse, getExpressionAst } = require('@cdktf/hcl2json');
const { format } = require('@cdktf/hcl-tools');

// The *.tf of a directory, parsed one by one so that a syntax error names its file.
// Gives {files: {name: text}, trees: {name: tree}, errors: [text]}.
export async function load(directory) {
	const module = { directory, files: {}, trees: {}, errors: [] };
	for (const name of readdirSync(directory).filter((n) => n.endsWith('.tf')).sort()) {
		const text = readFileSync(join(directory, name), 'utf8');
		module.files[name] = text;
		const { tree, errors } = await parsed(name, text);
		if (tree)
			module.trees[name] = tree;
		module.errors.push(...errors);
	}
	return module;
}

const trees = new Map();

// Remembered by text: most files of a broken copy are whole.
async function parsed(name, text) {
	if (!trees.has(text)) {
		const made = { errors: [] };
		try {
			made.tree = await parse(name, text);
			if ((await format(text)) !== text)
				made.errors.push(`${name}: not formatted as terraform fmt does`);
		} catch (error) {
			made.errors.push(error.message.replace(/\s+/g, ' ').replace(/^Error: /, ''));
		}
		trees.set(text, made);
	}
	return trees.get(text);
}

// The values of a .tfvars or .tfbackend file, or of text in their form; throws on a syntax error.
export async function loadValues(path, text = readFileSync(path, 'utf8')) {
	return parse(path, text);
}

const asts = new Map();

// The tree of a string that may hold ${...}: an array of parts, the text parts of type literalValue.
export async function template(text) {
	if (!asts.has(text)) {
		const ast = await getExpressionAst('expression', `<<EOT\n${text}\nEOT\n`);
		const parts = ast.type === 'template' ? ast.children : [ast];
		const last = parts.at(-1);
		if (last?.type === 'literalValue' && last.meta.value.endsWith('\n'))
			last.meta.value = last.meta.value.slice(0, -1);
		asts.set(text, parts.filter((p) => !(p.type === 'literalValue' && p.meta.value === '')));
	}
	return asts.get(text);
}

export function isTemplate(value) {
	return typeof value === 'string' && /[$%]\{/.test(value);
}

export function isObject(value) {
	return value !== null && typeof value === 'object' && !Array.isArray(value);
}

// Every string below value, with the way to it.
export function* strings(value, way = []) {
	if (typeof value === 'string')
		yield [value, way];
	else if (value !== null && typeof value === 'object')
		for (const [key, child] of Object.entries(value)) {
			if (isTemplate(key))
				yield [key, way];
			yield* strings(child, [...way, key]);
		}
}
