"""Drawn faces: pictures of made-up people, so that the whole chain can be tried without anybody's photo."""
