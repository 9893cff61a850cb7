internal import CHDF5

/// A short-lived identifier of the library, given back when it goes out of scope.
///
/// Lives only inside one piece of work on the library's thread.
struct LibraryID: ~Copyable {
    let value: hid_t

    init(_ value: hid_t, _ context: CallContext) throws(HDF5Error) {
        guard value >= 0 else { throw context.failure() }
        self.value = value
    }

    deinit { H5Idec_ref(value) }
}

/// An identifier that outlives one piece of work: an open file, group or dataset.
///
/// Gives the identifier back on the library's thread when nobody holds the object any more. It
/// holds its parent, so that a file is closed after everything opened in it.
final class HDF5Handle: Sendable {
    let id: hid_t
    private let parent: HDF5Handle?

    /// Takes over `id` as the library returned it; a negative one becomes the library's error.
    init(_ id: hid_t, parent: HDF5Handle?, _ context: CallContext) throws(HDF5Error) {
        guard id >= 0 else { throw context.failure() }
        self.id = id
        self.parent = parent
    }

    deinit {
        HDF5Thread.perform {
            // An identifier already closed by an explicit close is no longer valid.
            guard H5Iis_valid(id) > 0 else { return }
            if H5Idec_ref(id) < 0 { H5Eclear2(0) }
        }
    }
}

/// What was being done to what, for the error text.
struct CallContext {
    let operation: String
    let file: String
    let element: String

    /// The error of the call that has just failed on this thread.
    func failure() -> HDF5Error {
        let capacity = 2048
        let message = withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { text in
            chdf5_take_error(text.baseAddress, capacity)
            return text.baseAddress.map { String(cString: $0) } ?? ""
        }
        return .callFailed(
            operation: operation,
            file: file,
            element: element,
            message: message.isEmpty ? "the HDF5 library gave no reason" : message
        )
    }

    /// Throws the library's error when `status` is negative, else returns it.
    @discardableResult
    func check<Status: SignedInteger>(_ status: Status) throws(HDF5Error) -> Status {
        guard status >= 0 else { throw failure() }
        return status
    }
}
