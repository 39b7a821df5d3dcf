"""Use cases: one a file, from what the user asked for to what is shown; what each is made of lies in a folder."""
