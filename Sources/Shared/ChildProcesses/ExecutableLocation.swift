internal import Glibc

/// Where the running program and those installed beside it are.
package enum ExecutableLocation {
    /// The absolute path of the running program, with symbolic links resolved.
    ///
    /// - Throws: `ChildProcessError.executablePathUnknown` when `/proc` is not mounted or the path
    ///   is not UTF-8.
    package static func current() throws(ChildProcessError) -> String {
        try path(ofLink: "/proc/self/exe")
    }

    /// The path of the program a process runs, from its link `/proc/ID/exe`; throws as `current`
    /// does.
    package static func path(ofLink link: String) throws(ChildProcessError) -> String {
        var characters = [CChar](repeating: 0, count: 65536)
        let count = readlink(link, &characters, characters.count)
        guard count >= 0 else { throw .executablePathUnknown(code: errno) }
        let bytes = characters[..<count].map(UInt8.init(bitPattern:))
        guard let path = String(validating: bytes, as: UTF8.self) else {
            throw .executablePathUnknown(code: EILSEQ)
        }
        // The kernel's mark for a file that has been replaced; the new one has the plain name.
        let mark = " (deleted)"
        guard path.hasSuffix(mark), access(path, F_OK) != 0 else { return path }
        return String(path.dropLast(mark.count))
    }

    /// The path of a program in the same directory as another.
    ///
    /// - Parameters:
    ///   - name: The file's name, such as `crispyx-worker`.
    ///   - executable: The other program's path; nil for the running one.
    /// - Returns: An absolute path when `executable` is one.
    /// - Throws: `ChildProcessError.siblingMissing` when it is not there or may not be executed.
    package static func sibling(
        named name: String,
        of executable: String? = nil
    ) throws(ChildProcessError) -> String {
        let path = if let executable { executable } else { try current() }
        let end = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        let sibling = String(path[..<end]) + name
        guard access(sibling, X_OK) == 0 else {
            throw .siblingMissing(path: sibling, code: errno)
        }
        return sibling
    }
}
