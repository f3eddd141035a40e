"""What is true of every sync, for people and for machines; and what a group does about itself at night."""
