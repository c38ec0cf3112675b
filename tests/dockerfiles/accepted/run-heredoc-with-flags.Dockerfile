FROM scratch AS made
RUN --mount=type=tmpfs,target=/t <<-EOF
	make
	EOF
FROM scratch AS check
