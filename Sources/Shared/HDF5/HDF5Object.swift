internal import CHDF5
internal import Glibc

/// An open group or dataset: it has a place in a file and carries attributes.
package protocol HDF5Object: Sendable {
    /// The file that the object lies in.
    var file: HDF5File { get }
    /// Place in the file without a leading slash; "/" for the root group.
    var path: String { get }
    /// The identifier; an implementation detail of this module.
    var token: HDF5Token { get }
}

/// Keeps an open object of the library alive.
package struct HDF5Token: Sendable {
    let handle: HDF5Handle
    var id: hid_t { handle.id }
}

extension HDF5Object {
    func context(_ operation: String, _ name: String? = nil) -> CallContext {
        var element = path
        if let name { element += " attribute \(name)" }
        return CallContext(operation: operation, file: file.path, element: element)
    }
}

/// Why an element is not a plain link inside its file.
package enum HDF5LinkKind: Equatable, Sendable {
    /// An object of this file.
    case hard
    /// Another name inside this file.
    case soft
    /// An object in another file.
    case external
    /// A link class this library does not know.
    case other
}

/// What a name in a group stands for.
package enum HDF5ObjectKind: Equatable, Sendable {
    case group
    case dataset
    /// A stored type.
    case namedType
    /// Something that cannot be opened; opening it as group or dataset gives the reason.
    case unreadable
}
