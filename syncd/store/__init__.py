"""The mapping store on PostgreSQL: what is linked, what is pending, what was promised. It never touches a peer."""
