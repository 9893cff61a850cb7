/// What can go wrong with an HDF5 file, in the library's own words where it has any.
package enum HDF5Error: Error, Equatable, Sendable, CustomStringConvertible {
    /// The library refused; `message` holds the innermost entries of its error stack.
    case callFailed(operation: String, file: String, element: String, message: String)
    /// The element is stored with a type that the caller cannot use.
    case wrongType(file: String, element: String, found: String, needed: String)
    /// The element has a shape that the caller cannot use.
    case wrongShape(file: String, element: String, problem: String)
    /// A file was closed while groups or datasets of it were still open.
    case stillOpen(file: String, objects: Int)

    package var description: String {
        switch self {
        case .callFailed(let operation, let file, let element, let message):
            "\(operation) \(element) in \(file) failed: \(message)"
        case .wrongType(let file, let element, let found, let needed):
            "\(element) in \(file) has type \(found), need \(needed)"
        case .wrongShape(let file, let element, let problem):
            "\(element) in \(file): \(problem)"
        case .stillOpen(let file, let objects):
            "\(file) cannot be closed: \(objects) of its groups or datasets are still in use"
        }
    }

    /// The library's message when a call failed.
    package var libraryMessage: String? {
        guard case .callFailed(_, _, _, let message) = self else { return nil }
        return message
    }
}
