"""What search finds: an index that may lag behind the site, and the query language JQL."""
