"""Find out, fairly, which way of recognising the genres of your music is best."""
