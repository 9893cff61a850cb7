/// A program to start: what it is, what it is told and which descriptors it gets.
package struct ChildCommand: Equatable, Sendable {
    /// Where one of a child's standard streams leads.
    package enum StandardStream: Equatable, Sendable {
        /// Where this process's own stream leads.
        case inherit

        /// `/dev/null`.
        case null

        /// An open descriptor of this process, which keeps its own.
        case descriptor(Int32)
    }

    /// An open descriptor of this process and the number under which the child finds it.
    package struct InheritedDescriptor: Equatable, Sendable {
        /// The number in this process, which keeps its own descriptor.
        package let parent: Int32

        /// The number in the child, 3 or higher.
        package let child: Int32

        /// Passes `parent` on as `child`.
        package init(parent: Int32, child: Int32) {
            self.parent = parent
            self.child = child
        }
    }

    /// The highest number a child's descriptor may have.
    package static let highestDescriptor: Int32 = 255

    /// A path, or a name without `/` that is looked up in `PATH`.
    package var executable: String

    /// The arguments after the program's name.
    package var arguments: [String]

    /// All variables of the child; nil passes on this process's own.
    package var environment: [String: String]?

    /// Descriptors beyond the standard streams; every other one is closed in the child.
    package var inherited: [InheritedDescriptor]

    /// Where the child reads from.
    package var standardInput: StandardStream

    /// Where the child's results go.
    package var standardOutput: StandardStream

    /// Where the child's messages go.
    package var standardError: StandardStream

    /// Whether the child leads a process group of its own.
    ///
    /// Then a terminal's Ctrl-C does not reach it, and signals sent to it reach its own children
    /// too.
    package var ownProcessGroup: Bool

    /// The number under which the child finds a stream that hangs up when this process is gone.
    ///
    /// For `ParentWatch` in the child; nil makes none.
    package var lifelineDescriptor: Int32?

    /// Describes a command with nothing inherited but output and error.
    package init(
        executable: String,
        arguments: [String] = [],
        environment: [String: String]? = nil,
        inherited: [InheritedDescriptor] = [],
        standardInput: StandardStream = .null,
        standardOutput: StandardStream = .inherit,
        standardError: StandardStream = .inherit,
        ownProcessGroup: Bool = false,
        lifelineDescriptor: Int32? = nil
    ) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.inherited = inherited
        self.standardInput = standardInput
        self.standardOutput = standardOutput
        self.standardError = standardError
        self.ownProcessGroup = ownProcessGroup
        self.lifelineDescriptor = lifelineDescriptor
    }
}
