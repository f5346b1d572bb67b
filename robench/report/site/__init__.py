"""The leaderboard as a site: pages that are made of entries alone and work from a folder without a network."""
