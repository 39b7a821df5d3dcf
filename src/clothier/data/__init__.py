"""Files in, arrays out: the data sets, the pictures, and the drawn garments of the tests."""
