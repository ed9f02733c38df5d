// The same work in DuckDB, with the schema given.
// usage: node duckdb.mjs threads lines|array schema list file out
import { DuckDBInstance } from '@duckdb/node-api';
import { readFileSync } from 'node:fs';

const [threads, shape, schemaPath, listPath, file, out] = process.argv.slice(2);
const schema = JSON.parse(readFileSync(schemaPath, 'utf8'));
const fields = Object.keys(schema);
const text = (s) => `'${s.replaceAll("'", "''")}'`;

const members = fields.map((name) => `${name} ${schema[name]}`).join(', ');
const columns = `{partner_name: 'VARCHAR', accommodation_id: 'VARCHAR',
	accommodation_data: 'STRUCT(${members})'}`;
// arg_min passes over rows whose first argument is NULL; a JSON column says null in JSON.
const value = (name) => schema[name] === 'JSON'
	? `nullif(accommodation_data.${name}::VARCHAR, 'null')` : `accommodation_data.${name}`;
const first = (name) => schema[name] === 'JSON'
	? `arg_min(${value(name)}, rank)::JSON` : `arg_min(${value(name)}, rank)`;

const instance = await DuckDBInstance.create(':memory:', { threads });
const session = await instance.connect();
await session.run('SET preserve_insertion_order = false');
await session.run(`CREATE TABLE partner AS
	SELECT unnest(names) AS partner_name, unnest(range(len(names))) AS rank
	FROM (SELECT json->>'$[*]' AS names FROM read_json_objects(${text(listPath)}, format = 'unstructured'))`);
await session.run(`COPY (
	SELECT accommodation_id,
		{${fields.map((name) => `${name}: ${first(name)}`).join(', ')}} AS accommodation_data
	FROM read_json(${text(file)}, columns = ${columns},
		format = '${shape === 'array' ? 'array' : 'newline_delimited'}')
	JOIN partner USING (partner_name)
	GROUP BY accommodation_id
) TO ${text(out)} (FORMAT json)`);
