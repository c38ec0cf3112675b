FROM "scratch"
