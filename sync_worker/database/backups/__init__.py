"""What leads back: backups of a sync's database, and the documents of the format before."""
