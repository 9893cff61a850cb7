internal import Glibc

/// The descriptors that a process has open, from `/proc`.
package enum OpenDescriptors {
    /// The numbers a process has open, ascending, without the one this call uses.
    ///
    /// - Parameter processID: A process of the same user; nil for this one.
    /// - Returns: Nothing when the process is gone.
    package static func numbers(of processID: Int32? = nil) -> [Int32] {
        guard let directory = opendir(processID.map { "/proc/\($0)/fd" } ?? "/proc/self/fd") else {
            return []
        }
        defer { closedir(directory) }
        let own = processID == nil || processID == getpid() ? dirfd(directory) : -1
        var numbers: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let number = Int32(name), number != own { numbers.append(number) }
        }
        return numbers.sorted()
    }
}
