"""The report of a run as one HTML file that opens in any browser."""
