FROM scratch
COPY --chmod=755 <<-"EOF" /script
	#!/bin/sh
	echo $HOME
	EOF
ENV A=1
