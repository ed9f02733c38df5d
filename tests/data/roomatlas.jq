# Roomatlas' listings as catalog records.
select(.property.closed != true)
| {
	partner_name: "Roomatlas",
	accommodation_id: (.property.ref | tostring),
	accommodation_data: {
		accommodation_name: .property.title,
		accommodation_city: .property.city,
		latitude: .property.geo.lat,
		longitude: .property.geo.lon,
		rating: (.score * 2),
		amenities: [.facilities[] | ascii_downcase | if . == "wi-fi" then "wifi" else . end]
	}
}
