"""Recognition: are the sites, the projects, the database and the pairs those that they were, and what if not?

identification   the sites, the projects and our accounts are those that the database knows, or a person must say
discovery        an empty database finds what an earlier one has created, before its first creation
recovery         counterparts that this sync once created are found by their marks, and paired again
strangers        marks of other databases and other syncs on the issues of the two projects
relocation       the pairs are found again on another site, in another project, in a Jira that was restored
adoption         what a person decided is carried out
"""
