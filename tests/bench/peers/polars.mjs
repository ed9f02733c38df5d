// The same work in Polars; the number of threads is in the environment as POLARS_MAX_THREADS.
// usage: node polars.mjs list file out
import { readFileSync } from 'node:fs';
import pl from 'nodejs-polars';

const [listPath, file, out] = process.argv.slice(2);
const names = JSON.parse(readFileSync(listPath, 'utf8'));
const ranks = pl.DataFrame({ partner_name: names, rank: names.map((_, rank) => rank) });

const records = pl.scanJson(file, { inferSchemaLength: 1000 });
const offers = records.join(ranks.lazy(), { on: 'partner_name' }).sort('rank').unnest('accommodation_data');
const fields = offers.columns.filter((name) => !['partner_name', 'accommodation_id', 'rank'].includes(name));
offers.groupBy('accommodation_id')
	.agg(...fields.map((name) => pl.col(name).dropNulls().first()))
	.select(pl.col('accommodation_id'), pl.struct(fields.map((name) => pl.col(name))).alias('accommodation_data'))
	.collectSync()
	.writeJSON(out, { format: 'lines' });
