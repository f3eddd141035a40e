"""The settings of a group: the variables that name them, what each may say, and the folder they count in."""
