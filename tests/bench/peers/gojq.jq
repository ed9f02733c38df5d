# The same work in gojq; run with -cn --slurpfile list LIST.  It copies what it updates: group first.
($list[0] | to_entries | map({(.value): .key}) | add) as $rank
| [inputs | if type == "array" then .[] else . end]
| group_by(.accommodation_id)[]
| {
	accommodation_id: .[0].accommodation_id,
	accommodation_data: (map({($rank[.partner_name] | tostring): .accommodation_data}) | add
		| to_entries | sort_by(-(.key | tonumber))
		| reduce .[].value as $data ({}; . + ($data | with_entries(select(.value != null)))))
}
