"""From a source to clean prices: fetch deliveries, archive their bytes, read and merge them.
`sources` fetches; `reading` turns bytes into rows and quarantines the rows it cannot accept.
May use tables, steplog and files.
"""
