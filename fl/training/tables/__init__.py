"""Tables of patients: schema, rows, federated statistics and models, and the risk of one person."""
