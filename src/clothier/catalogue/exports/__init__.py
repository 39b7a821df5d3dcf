"""Tags in the formats of other programs: CSV, Shopify, Google Merchant Center, Label Studio."""
