import WireProtocol

/// What must be the same for rows and fits of one link to be of use to the next.
struct RunIdentity: Equatable {
    let input: Bytes16
    let options: Bytes16
    let rowSchema: UInt32
    let resources: [ResourceDescription]

    init(_ welcome: Welcome) {
        input = welcome.inputFingerprint
        options = welcome.optionsDigest
        rowSchema = welcome.rowSchemaVersion
        resources = welcome.resources
    }
}
