"""From a source to prices that can be believed: the archive of bytes, deliveries over time.
`sources` fetches, `reading` turns bytes into rows and quarantines the others.
May use tables, steplog and files.
"""
