# The same work in jq; run with -cn --slurpfile list LIST.
($list[0] | to_entries | map({(.value): (.key | tostring)}) | add) as $rank
| reduce (inputs | if type == "array" then .[] else . end) as $record ({};
	.[$record.accommodation_id][$rank[$record.partner_name]] = $record.accommodation_data)
| to_entries[]
| {
	accommodation_id: .key,
	accommodation_data: (.value | to_entries | sort_by(-(.key | tonumber))
		| reduce .[].value as $data ({}; . + ($data | with_entries(select(.value != null)))))
}
