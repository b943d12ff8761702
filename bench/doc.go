// Package bench measures espace-git from outside: whole commands, bytes on the
// wire and on disk, beside stock git in the same run. Loops inside the program
// have their benchmarks beside the code.
//
//	go test -run - -bench . ./bench
//
// Folder peers measures the merge of texts beside other programs; see its README.
package bench
